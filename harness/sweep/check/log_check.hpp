#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "gatecrash/abi.h"
#include "gatecrash/event.hpp"
#include "sweep/check/invariant.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::sweep {

/// An event that landed, and how many log records there were when it was delivered. Its body must start after those.
struct LandedEvent {
    vm::Event event;
    std::uint64_t log_head;
};

/// The rules for the log ring of one run.
struct LogExpectation {
    std::span<const LandedEvent> landed;     ///< all events that landed, including the one that opened the window
    const std::set<std::uint32_t>& vectors;  ///< vectors that the run without events took, too
    /// For each vector: how many bodies may run at once, each inside another. See `nesting_limits` in gatecrash/abi.h.
    std::map<std::uint32_t, std::uint64_t> nesting_limits{};
};

/// A rule that one run broke. `record` numbers the log record that shows it; empty if only the end of the run does.
struct RunViolation {
    Violation violation;
    std::optional<std::uint64_t> record{};
};

/// The outcome of checking one run.
struct RunFindings {
    std::vector<RunViolation> violations{};
    std::map<std::uint32_t, std::uint64_t> bodies_at_once{};  ///< see Extremes
};

/// Checks the log records of one run: frames, nesting, lost and unexpected events, and the rules that the bodies
/// themselves report as broken. `first` is the number of records before `records`. If the run has not `ended`, the
/// check ignores incomplete records, and bodies may still come.
[[nodiscard]] RunFindings check_log(std::span<const abi::LogRecord> records, std::uint64_t first, bool ended,
                                    const LogExpectation& expected, const vm::Image& image);

}  // namespace gatecrash::sweep
