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
    /// Called after the step that breaks a rule. What only the end of the run shows is not told.
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

/// Runs `window` from its beginning, one instruction at a time, with the events of `lander`, and checks every
/// invariant, those included that only show between two instructions. A run that never ends is found out: it comes back
/// to a state that it had before, fills the log ring, or uses up its instructions.
[[nodiscard]] Examination examine(machine::Machine& machine, const Window& window, machine::Stepper& stepper,
                                  ScheduleLander& lander, Observer* observer = nullptr);

}  // namespace gatecrash::explore
