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
    .asks = "Does the stack of interrupts belong to one at a time, and to those that nest in it?",
    .variants =
        {
            {.name = "reference",
             .summary = "the first interrupt counts itself and switches, others stay where they are; NMIs never use it",
             .origin = "Linux on x86-64, by such a count for long",
             .covers = {"J5"},
             .events = {Event::nmi(), Event::irq(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "who comes in between is an NMI or a machine check, and has a stack of its own"},
            {.name = "not-counted",
             .summary = "each interrupt begins at the top of that stack",
             .origin = "what the count is for",
             .covers = {"J5"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{irq, {"interrupt_body", "interrupt_work"}}}}),
             .because = "one that nests overwrites the body that it interrupted"},
            {.name = "nmi-too",
             .summary = "NMIs use it as well, by the same count",
             .origin = "a variation",
             .covers = {"J5"},
             .events = {Event::nmi(), Event::irq()},
             .depth = 1,
             .expects = holds(),
             .because = "who counts itself first and then switches is seen by whoever comes in between"},
            {.name = "nmi-too-counted-late",
             .summary = "the same, and an interrupt counts itself behind the switch",
             .origin = "the order that the count depends on",
             .covers = {"J5"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{nmi, {"entry_irq"}}}}),
             .because = "an NMI in between finds the count as if nobody were there, and begins at the same top"},
        },
};

}  // namespace gatecrash::cases
