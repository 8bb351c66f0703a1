#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/entry_path.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::bench {

/// The address of a guest's samples: `samples` words of 64 bits.
constexpr vm::Virtual samples_address{GATECRASH_USER_STACK};
/// The rest of that page is the user's stack.
constexpr unsigned max_samples = 256;

/// Says how often a guest goes its way. It takes `samples` samples, and a sample is the time of `passes` passes between
/// two readings of the time-stamp counter.
struct Repetition {
    unsigned samples = 1, passes = 1;
};

/// Makes a guest that rings BEGIN, takes the path of `composition` once, and rings END. If the path needs an event, the
/// harness must land it at BEGIN.
[[nodiscard]] vm::Image counted_guest(const Composition& composition);
/// Makes a guest that takes the path of `composition` over and over. A reading is LFENCE, RDTSC, LFENCE (SDM volume 2,
/// RDTSC; APM volume 3, RDTSC), so that all of what is measured happens between two readings. An LFENCE follows each
/// pass. In place of an event that the harness lands, INT n enters: through the event's gate, to its stack.
[[nodiscard]] vm::Image timed_guest(const Composition& composition, Repetition repetition);
/// Makes one of these guests without the instruction that enters. Its result is subtracted from the others.
[[nodiscard]] vm::Image empty_guest(const EntryPath& path, Repetition repetition);

/// Returns what this machine's CPU lacks for `composition`. Empty if it lacks nothing.
[[nodiscard]] std::optional<std::string> missing_for(const Composition& composition);

}  // namespace gatecrash::bench
