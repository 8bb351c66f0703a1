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

/// An event that landed, and how many log records there were when it was delivered: its body has to start behind them.
struct LandedEvent {
    vm::Event event;
    std::uint64_t log_head;
};

/// What the log ring of one run is held against.
struct LogExpectation {
    std::span<const LandedEvent> landed;     ///< the one that opened the window included
    const std::set<std::uint32_t>& vectors;  ///< that the run without events also took
    /// By vector: how many bodies may be running at once, each inside another. See `nesting_limits`, gatecrash/abi.h.
    std::map<std::uint32_t, std::uint64_t> nesting_limits{};
};

/// A rule that one run broke, and the number of the log record that shows it; none if only the end of the run does.
struct RunViolation {
    Violation violation;
    std::optional<std::uint64_t> record{};
};

/// The outcome of checking one run.
struct RunFindings {
    std::vector<RunViolation> violations{};
    std::map<std::uint32_t, std::uint64_t> bodies_at_once{};  ///< as in Extremes
};

/// I4, I5, I7 and I8 as far as the handler bodies saw them. `first` is the number of records before `records`. If the
/// run has not `ended`, bodies may still be to come, and records that are not complete are passed over.
[[nodiscard]] RunFindings check_log(std::span<const abi::LogRecord> records, std::uint64_t first, bool ended,
                                    const LogExpectation& expected, const vm::Image& image);

}  // namespace gatecrash::sweep
