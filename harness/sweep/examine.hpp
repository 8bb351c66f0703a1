#pragma once

#include <optional>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/schedule_lander.hpp"
#include "sweep/window.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::sweep {

/// What somebody who watches a stepped run gets to see.
class Observer {
  public:
    Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    virtual ~Observer() = default;
    virtual void lands(vm::Guest&, vm::Event) {}
    virtual void before_step(vm::Guest&) {}
    virtual void after_step(vm::Guest&, const vm::Step&) {}
    /// Called after the step that breaks a rule. It is not called for a rule that only the end of the run shows.
    virtual void breaks(const Violation&) {}
};

/// How a stepped run of one window went.
struct Examination {
    std::vector<Violation> violations;  ///< empty: every invariant held
    std::string ending;                 ///< one line
    std::uint64_t steps = 0;
    bool stopped_early = false;  ///< before the guest ended by itself: a frame was lost, or it never ends
};

/// Steps the run without events, which ends, and notes Window::user.
void learn_user_states(vm::Guest& guest, Window& window, vm::Stepper& stepper);

/// When a stepped run is checked. Its end decides whether an invariant is broken, as that of a free run does. What each
/// step shows then explains it: something that does no harm in this run may look wrong on the way.
enum class Checks : std::uint8_t { at_end, at_each_step };

/// Runs `window` from its beginning, one instruction at a time, with the events of `lander`. A run that never ends is
/// found out: it comes back to a state that it had before, fills the log ring, or uses up its instructions. For
/// Checks::at_each_step the run has to be one that breaks something; it stops where a frame, a canary or the stack is
/// lost.
[[nodiscard]] Examination examine(vm::Guest& guest, const Window& window, vm::Stepper& stepper, ScheduleLander& lander,
                                  Checks checks, Observer* observer = nullptr);

}  // namespace gatecrash::sweep
