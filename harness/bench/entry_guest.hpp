#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gatecrash/bench/entry_path.hpp"
#include "gatecrash/machine/image.hpp"

namespace gatecrash::bench {

/// Where a guest has its samples: `samples` words of 64 bits.
constexpr machine::Virtual samples_address{GATECRASH_USER_STACK};
/// The rest of that page is the user's stack.
constexpr unsigned max_samples = 256;

/// How often a guest goes its way: `passes` times between two readings of the time-stamp counter, `samples` times.
struct Repetition {
    unsigned samples = 1, passes = 1;
};

/// A guest that rings BEGIN, goes the way of `composition`, and rings END. A reading is LFENCE, RDTSC, LFENCE (SDM
/// volume 2, RDTSC; APM volume 3, RDTSC), so that nothing of what is measured is outside of it; and there is an LFENCE
/// behind each pass. Where the harness lands an event, it has to land at BEGIN, and one pass is all.
[[nodiscard]] machine::Image entry_guest(const Composition& composition, Repetition repetition);
/// The same without the entering instruction: what is to be subtracted.
[[nodiscard]] machine::Image empty_guest(const EntryPath& path, Repetition repetition);

/// What this machine's CPU lacks for `composition`; empty if nothing.
[[nodiscard]] std::optional<std::string> missing_for(const Composition& composition);

}  // namespace gatecrash::bench
