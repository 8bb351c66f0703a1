#pragma once

#include <optional>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/schedule_lander.hpp"
#include "sweep/window.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::sweep {

/// Receives what happens in a stepped run.
class Observer {
  public:
    Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    virtual ~Observer() = default;
    virtual void lands(vm::Guest&, vm::Event, [[maybe_unused]] bool is_of_workload) {}
    virtual void before_step(vm::Guest&) {}
    virtual void after_step(vm::Guest&, const vm::Step&) {}
    /// Called after a step that breaks a rule. Not called for a rule that only the end of the run shows.
    virtual void breaks(const Violation&) {}
};

/// The result of stepping through one window.
struct Examination {
    std::vector<Violation> violations;  ///< empty if every invariant held
    std::string ending;                 ///< how the run ended, in one line
    std::uint64_t steps = 0;
    bool stopped_early = false;  ///< the examination stopped before the guest did: a frame was lost, or the run never
                                 ///< ends
};

/// Steps through the run without events, and notes Window::user. That run must end.
void learn_user_states(vm::Guest& guest, Window& window, vm::Stepper& stepper);

/// When a stepped run is checked. As in a free run, the end decides whether an invariant is broken; the steps then
/// explain it. Something may look wrong at a step, and do no harm in that run.
enum class Checks : std::uint8_t { at_end, at_each_step };

/// Steps through `window` from its beginning, with the events of `lander`. It recognizes a run that never ends: one
/// that returns to an earlier state, fills the log ring, or uses up its instructions. Checks::at_each_step is only for
/// a run that breaks something. It stops where a frame, a canary or the stack is lost, and, with either, where
/// protected code is left.
[[nodiscard]] Examination examine(vm::Guest& guest, const Window& window, vm::Stepper& stepper, ScheduleLander& lander,
                                  Checks checks, Observer* observer = nullptr);

}  // namespace gatecrash::sweep
