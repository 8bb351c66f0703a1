// What this machine's KVM really does, measured with guests of a few instructions each. A /dev/kvm that exists proves
// nothing: a software hypervisor may stand behind it, or an emulated CPU with gaps. docs/reference/behaviours.md has,
// for each behaviour, what is measured, what the manuals say and what needs it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kvm/system.hpp"
#include "qualify/answer.hpp"
#include "vm/behaviour.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::qualify {

using vm::Behaviour;

/// One measured behaviour.
struct Measurement {
    Behaviour behaviour{};
    Answer got;        ///< what was measured, or the first line of the error that ended the measurement
    Allowed expected;  ///< what silicon of this CPU's vendor does
    bool ok = false;
    std::string remedy;  ///< what the user can do about it; empty if ok
};

/// What the manuals say of one behaviour.
struct Manuals {
    Behaviour behaviour;
    Allowed intel, amd;  ///< as `expected` on a CPU of that vendor
    std::string source;  ///< the sections; docs/reference/behaviours.md has the manuals' names
};

/// Of every behaviour, in the order of measure().
[[nodiscard]] std::vector<Manuals> manuals();

/// Which behaviours to measure.
struct Scope {
    bool others = true;            ///< beyond the basic ones and what stepper_for() needs
    bool facts = true;             ///< of those, also what no command relies on, and only tells machines apart
    bool stop_when_unfit = false;  ///< nothing behind a basic one that is not as expected
};

/// The behaviours in a fixed order, the basic ones first. Takes about a tenth of a second on hardware. A failure of
/// KVM or of the guest is that behaviour's `got`: never throws for it. A guest that hangs is ended by the watchdog.
[[nodiscard]] std::vector<Measurement> measure(const kvm::System& system, Scope scope = {});

/// One of these.
[[nodiscard]] Measurement measure(const kvm::System& system, Behaviour behaviour);

/// The stepper for whoever did not ask for one: the trap flag, or stop bytes where that flag leaves state behind.
[[nodiscard]] vm::StepperKind stepper_for(const std::vector<Measurement>& measurements);

/// The first basic behaviour that is not as expected. Empty if the machine is fit.
[[nodiscard]] std::optional<Measurement> first_basic_failure(const std::vector<Measurement>& measurements);

}  // namespace gatecrash::qualify
