#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sweep/check/log_check.hpp"
#include "sweep/window.hpp"

namespace gatecrash::sweep {

/// Checks a run that ended with `outcome`, in which `landed` landed besides the opening event. The guest is as the
/// run left it. Not for StillRunning.
[[nodiscard]] RunFindings check_run(vm::Guest& guest, const Window& window, const vm::Outcome& outcome,
                                    const std::vector<LandedEvent>& landed);

/// Checks what the handler bodies have logged so far in a run that goes on.
[[nodiscard]] std::vector<RunViolation> check_log_so_far(vm::Guest& guest, const Window& window,
                                                         const std::vector<LandedEvent>& landed);

/// Returns what a guest calls exit_work, which has to be done before a return to CPL 3; 0 for a guest without it.
[[nodiscard]] std::uint64_t exit_work(vm::Guest& guest);

/// Returns the name of the first canary that is overwritten, such as "top of stack nmi". Empty if none is.
[[nodiscard]] std::string overwritten_canary(vm::Guest& guest);

}  // namespace gatecrash::sweep
