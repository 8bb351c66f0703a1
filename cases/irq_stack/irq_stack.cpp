#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
constexpr auto nmi = Event::Kind::nmi, irq = Event::Kind::irq;
}

extern const Case irq_stack{
    .name = "irq-stack",
    .asks = "Does the interrupt stack belong to one interrupt at a time, and to those that nest in it?",
    .variants =
        {
            {.name = "reference",
             .summary = "the first interrupt counts itself and switches stacks, nested ones do not switch; NMIs never "
                        "use the stack",
             .origin = "the counter that Linux on x86-64 used for a long time",
             .covers = {"J5"},
             .events = {Event::nmi(), Event::irq(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because =
                 "only an NMI or a machine check can arrive between count and switch, and both have their own stacks"},
            {.name = "not-counted",
             .summary = "each interrupt starts at the top of the interrupt stack",
             .origin = "constructed to show why the stack needs a counter",
             .covers = {"J5"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{irq, {"interrupt_body", "interrupt_work"}}}}),
             .because = "a nested interrupt overwrites the stack of the body that it interrupted"},
            {.name = "nmi-too",
             .summary = "NMIs use the interrupt stack as well, with the same counter",
             .origin = "constructed for comparison",
             .covers = {"J5"},
             .events = {Event::nmi(), Event::irq()},
             .depth = 1,
             .expects = holds(),
             .because = "each handler counts itself before it switches, so an event between the two sees the count"},
            {.name = "nmi-too-counted-late",
             .summary = "nmi-too, but an interrupt counts itself after the switch",
             .origin = "constructed to show why a handler counts before it switches",
             .covers = {"J5"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{nmi, {"entry_irq"}}}}),
             .because = "an NMI between the two finds the counter at its idle value, and starts at the same top"},
        },
};

}  // namespace gatecrash::cases
