#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sweep/check/log_check.hpp"
#include "sweep/window.hpp"

namespace gatecrash::sweep {

/// Checks a run that ended with `outcome`, in which the events `landed` landed besides the opening event. The guest is
/// as the run left it. For StillRunning, it checks only the log so far, the canaries and the page tables.
[[nodiscard]] RunFindings check_run(vm::Guest& guest, const Window& window, const vm::Outcome& outcome,
                                    const std::vector<LandedEvent>& landed);

/// Checks what the handler bodies have logged so far, in a run that goes on.
[[nodiscard]] std::vector<RunViolation> check_log_so_far(vm::Guest& guest, const Window& window,
                                                         const std::vector<LandedEvent>& landed);

/// Returns the guest's variable `exit_work`: work that the kernel must do before it returns to CPL 3. Returns 0 if the
/// guest has no such symbol.
[[nodiscard]] std::uint64_t exit_work(vm::Guest& guest);

/// Returns the name of the first overwritten canary, such as "top of stack nmi". Empty if none is overwritten.
[[nodiscard]] std::string overwritten_canary(vm::Guest& guest);

}  // namespace gatecrash::sweep
