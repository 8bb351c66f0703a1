#pragma once

#include <optional>
#include <vector>

#include "gatecrash/explore/invariant.hpp"
#include "gatecrash/machine/machine.hpp"
#include "gatecrash/machine/stepper.hpp"
#include "window.hpp"

namespace gatecrash::explore {

/// What somebody who watches a stepped run gets to see.
class Observer {
  public:
    Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    virtual ~Observer() = default;
    virtual void lands(machine::Machine&, machine::Event) {}
    virtual void before_step(machine::Machine&) {}
    virtual void after_step(machine::Machine&, const machine::Step&) {}
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
void learn_user_states(machine::Machine& machine, Window& window, machine::Stepper& stepper);

/// When a stepped run is checked. Its end decides whether an invariant is broken, as that of a free run does. What each
/// step shows then explains it: something that does no harm in this run may look wrong on the way.
enum class Checks : std::uint8_t { at_end, at_each_step };

/// Runs `window` from its beginning, one instruction at a time, with the events of `lander`. A run that never ends is
/// found out: it comes back to a state that it had before, fills the log ring, or uses up its instructions. For
/// Checks::at_each_step the run has to be one that breaks something; it stops where a frame, a canary or the stack is
/// lost.
[[nodiscard]] Examination examine(machine::Machine& machine, const Window& window, machine::Stepper& stepper,
                                  ScheduleLander& lander, Checks checks, Observer* observer = nullptr);

}  // namespace gatecrash::explore
