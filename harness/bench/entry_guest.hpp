#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/entry_path.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::bench {

/// Where a guest has its samples: `samples` words of 64 bits.
constexpr vm::Virtual samples_address{GATECRASH_USER_STACK};
/// The rest of that page is the user's stack.
constexpr unsigned max_samples = 256;

/// How often a guest goes its way: `passes` times between two readings of the time-stamp counter, `samples` times.
struct Repetition {
    unsigned samples = 1, passes = 1;
};

/// A guest that rings BEGIN, goes the way of `composition` once, and rings END. Where the harness lands an event, it
/// has to land at BEGIN.
[[nodiscard]] vm::Image counted_guest(const Composition& composition);
/// The same over and over. A reading is LFENCE, RDTSC, LFENCE (SDM volume 2, RDTSC; APM volume 3, RDTSC), so that
/// nothing of what is measured is outside of it; and there is an LFENCE behind each pass. In place of an event that the
/// harness lands, INT n enters: through its gate, to its stack.
[[nodiscard]] vm::Image timed_guest(const Composition& composition, Repetition repetition);
/// Either without what enters: what is to be subtracted.
[[nodiscard]] vm::Image empty_guest(const EntryPath& path, Repetition repetition);

/// What this machine's CPU lacks for `composition`; empty if nothing.
[[nodiscard]] std::optional<std::string> missing_for(const Composition& composition);

}  // namespace gatecrash::bench
