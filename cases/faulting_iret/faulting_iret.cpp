#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Behaviour;
using vm::Event;

namespace {
constexpr auto nmi_behind_iret = Event::Kind::nmi;
}

extern const Case faulting_iret{
    .name = "faulting-iret",
    .asks = "Is an NMI survived whose IRET faults, although that has unmasked NMIs?",
    .variants =
        {
            {.name = "masked-until-return",
             .summary = "the fault's handler goes on on the NMI's stack, as no NMI comes before an IRET succeeds",
             .origin = "what one believes who reads that IRET unmasks NMIs, and not when",
             .covers = {"A18"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects =
                 breaks(Invariant::stack, {{{nmi_behind_iret, {"entry_gp", "event_body", "log_record", "gp_iret"}}}}),
             .because = "an IRET unmasks NMIs even if it faults, so the next one overwrites the frame that is still to "
                        "be returned through",
             .needs = {Behaviour::faulting_iret_unmasks_nmi}},
            {.name = "task-stack",
             .summary = "an NMI from user code moves to the task stack before anything else",
             .origin = "Linux since 9b6e6a8334d5 (2015)",
             .covers = {"A18"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "the NMI's stack is free by the time its IRET can fault, so NMIs may be unmasked from there on",
             .needs = {Behaviour::faulting_iret_unmasks_nmi}},
        },
};

}  // namespace gatecrash::cases
