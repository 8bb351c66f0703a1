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
    .asks = "Does #VC in an NMI leave the #VC alone that the NMI interrupted?",
    .variants =
        {
            {.name = "reference",
             .summary = "an NMI that interrupts #VC has the next one begin below it on its IST stack",
             .origin = "Linux since 2020 (SEV-ES)",
             .covers = {"F17"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = holds(),
             .because = "its IST entry leads to what is free of that stack until the NMI is over",
             .modelled = true},
            {.name = "nmi-shares-stack",
             .summary = "the IST entry stays as it is",
             .origin = "what an IST stack does to who nests on it",
             .covers = {"F17"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{nmi, {"entry_vc"}}}}),
             .because = "the second #VC begins where the frame of the first one is",
             .window = {{"entry_vc", "vc_stack_left"}},
             .modelled = true},
            {.name = "nmi-keeps-stack",
             .summary = "the IST entry stays where the NMI moved it to",
             .origin = "a return that forgets it",
             .covers = {"F17"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::interrupt_stacks, {{{nmi, {"entry_vc"}}}}),
             .because = "each such NMI takes a part of the stack away for good",
             .modelled = true},
        },
};

}  // namespace gatecrash::cases
