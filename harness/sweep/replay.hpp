#pragma once

#include <string>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/schedule.hpp"
#include "sweep/trace/item.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::sweep {

/// The result of one schedule.
struct ReplayResult {
    /// Empty if every invariant held. The first one is the rule that broke first.
    std::vector<Violation> violations;
    std::uint64_t steps = 0;
    std::string ending;  ///< how the last window ended, in one line
};

/// Steps through `schedule` on `guest`, which has just been booted. Throws ScheduleError for a boundary that the guest
/// lacks or the run never reaches.
[[nodiscard]] ReplayResult replay(vm::Guest& guest, const Schedule& schedule, vm::StepperKind stepper,
                                  const TraceSink& trace = {});

}  // namespace gatecrash::sweep
