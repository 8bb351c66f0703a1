#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
constexpr auto nmi = Event::Kind::nmi;
}

extern const Case vc{
    .name = "vc",
    .asks = "Does a #VC inside an NMI spare the #VC that the NMI interrupted?",
    .variants =
        {
            {.name = "reference",
             .summary = "an NMI that interrupts #VC makes the next #VC start below it on the IST stack",
             .origin = "Linux since 2020 (SEV-ES)",
             .covers = {"F17"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = holds(),
             .because = "until the NMI is over, the IST entry points to the free part of the stack",
             .modelled = true},
            {.name = "nmi-shares-stack",
             .summary = "the NMI does not change the IST entry",
             .origin = "constructed to show the effect of an IST stack on nested events",
             .covers = {"F17"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{nmi, {"entry_vc"}}}}),
             .because = "the second #VC starts where the frame of the first one is",
             .window = {{"entry_vc", "vc_stack_left"}},
             .modelled = true},
            {.name = "nmi-keeps-stack",
             .summary = "the NMI does not restore the IST entry",
             .origin = "constructed: a return that forgets to restore the IST entry",
             .covers = {"F17"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::interrupt_stacks, {{{nmi, {"entry_vc"}}}}),
             .because = "each such NMI permanently takes a part of the stack away",
             .modelled = true},
        },
};

}  // namespace gatecrash::cases
