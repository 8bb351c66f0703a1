#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gatecrash/explore/invariant.hpp"
#include "gatecrash/explore/schedule.hpp"
#include "gatecrash/machine/machine.hpp"
#include "gatecrash/machine/stepper.hpp"

namespace gatecrash::explore {

/// What one schedule did.
struct ReplayResult {
    /// Empty if every invariant held; else the first is the one that broke first.
    std::vector<Violation> violations;
    std::uint64_t steps = 0;
    std::string ending;  ///< how the last window ended, one line
};

/// Receives a trace line by line.
using TraceSink = std::function<void(const std::string&)>;

/// Runs `schedule` on the guest in `machine`, which has just been booted, one instruction at a time. Throws
/// ScheduleError for a boundary that the guest lacks or the run never reaches.
[[nodiscard]] ReplayResult replay(machine::Machine& machine, const Schedule& schedule, machine::StepperKind stepper,
                                  const TraceSink& trace = {});

}  // namespace gatecrash::explore
