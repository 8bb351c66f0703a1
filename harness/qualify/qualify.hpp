// Measures what this machine's KVM really does, with guests of a few instructions each. A /dev/kvm that exists proves
// nothing: it may be a software hypervisor's, or run on an emulated CPU with gaps. docs/reference/behaviours.md says
// for each behaviour what is measured, what the manuals say and what needs it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kvm/system.hpp"
#include "qualify/answer.hpp"
#include "vm/behaviour.hpp"
#include "vm/quirks/repairs.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::qualify {

using vm::Behaviour;

/// One measured behaviour.
struct Measurement {
    Behaviour behaviour{};
    Answer got;        ///< the answer, or the first line of the error that ended the measurement
    Allowed expected;  ///< the answers of real hardware of this CPU's vendor
    bool ok = false;
    bool is_silicon = false;  ///< not `ok`, but an answer that some real machines of this vendor give
    std::string remedy;       ///< says what the user can do about it; empty if `ok`
};

/// The manuals' answers for one behaviour.
struct Manuals {
    Behaviour behaviour;
    Allowed intel, amd;            ///< the value of `expected` on a CPU of that vendor
    Allowed some_intel, some_amd;  ///< further answers, which only some real machines of that vendor give
    std::string source;            ///< the sections; docs/reference/behaviours.md has the manuals' names
};

/// Returns the manuals' answers for every behaviour, in the order of measure().
[[nodiscard]] std::vector<Manuals> manuals();

/// Says which behaviours to measure.
struct Scope {
    bool others = true;            ///< also those that neither are basic nor decide how guests are run
    bool facts = true;             ///< also the facts, if `others` is set; no command relies on them
    bool stop_when_unfit = false;  ///< stop after a basic behaviour that is not as expected
};

/// Hears of each measurement as it begins and ends. Either may be empty.
struct Progress {
    std::function<void(Behaviour)> begins{};
    std::function<void(const Measurement&)> ends{};
};

/// Measures behaviours in a fixed order, the basic ones first. Takes about a tenth of a second on hardware. If KVM or a
/// guest fails, the failure is that behaviour's `got`, and measure() does not throw. The watchdog ends a guest that
/// hangs.
[[nodiscard]] std::vector<Measurement> measure(const kvm::System& system, Scope scope = {},
                                               const Progress& progress = {});

/// Measures one behaviour.
[[nodiscard]] Measurement measure(const kvm::System& system, Behaviour behaviour);

/// Returns the stepper for users who did not choose one: the trap flag, or stop bytes if that flag leaves a trace in
/// the guest.
[[nodiscard]] vm::StepperKind stepper_for(const std::vector<Measurement>& measurements);

/// Returns the repairs that guests need on a machine with these measurements. A defect that was not measured is taken
/// for one that it has.
[[nodiscard]] vm::quirks::Repairs repairs_for(const std::vector<Measurement>& measurements);

/// Returns the first basic behaviour that is not as expected. Empty if the machine is fit.
[[nodiscard]] std::optional<Measurement> first_basic_failure(const std::vector<Measurement>& measurements);

}  // namespace gatecrash::qualify
