#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Behaviour;
using vm::Event;

namespace {
constexpr auto nmi_after_iret = Event::Kind::nmi;
}

extern const Case faulting_iret{
    .name = "faulting-iret",
    .asks = "Does the kernel survive an NMI whose IRET faults, although that IRET has already unmasked NMIs?",
    .variants =
        {
            {.name = "masked-until-return",
             .summary = "the fault's handler stays on the NMI stack, as if NMIs were masked until an IRET succeeds",
             .origin = "a misreading of the rule that IRET unmasks NMIs",
             .covers = {"A18"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects =
                 breaks(Invariant::stack, {{{nmi_after_iret, {"entry_gp", "event_body", "log_record", "gp_iret"}}}}),
             .because = "an IRET unmasks NMIs even if it faults, so the next NMI overwrites a frame that the kernel "
                        "still needs for its return",
             .needs = {Behaviour::faulting_iret_unmasks_nmi}},
            {.name = "task-stack",
             .summary = "an NMI from user code moves to the task stack before anything else",
             .origin = "Linux since 9b6e6a8334d5 (2015)",
             .covers = {"A18"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "the NMI stack is free before the IRET can fault, so the IRET may unmask NMIs",
             .needs = {Behaviour::faulting_iret_unmasks_nmi}},
        },
};

}  // namespace gatecrash::cases
