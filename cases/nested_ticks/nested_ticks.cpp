#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
constexpr auto irq = Event::Kind::irq;
const std::vector<Event> ticks{Event::irq(GATECRASH_USER_IRQ)};
}  // namespace

extern const Case nested_ticks{
    .name = "nested-ticks",
    .asks = "Is there a limit to how deep the interrupts of a timer nest?",
    .variants =
        {
            {.name = "deferred",
             .summary = "a tick inside a tick leaves the rest to the outer one, and returns with interrupts off",
             .origin = "EDK2 since January 2024 (NestedInterruptTplLib, BZ 4162)",
             .covers = {"P18"},
             .events = ticks,
             .depth = 3,
             .expects = holds(),
             .because = "no tick arrives in the inner one, so two bodies run at once at most"},
            {.name = "last-eoi",
             .summary = "the handler turns interrupts on first, and signals EOI to the APIC afterwards",
             .origin = "EDK2, the first fix of BZ 2815, which stopped the time of what waits for a tick there",
             .covers = {"P18"},
             .events = ticks,
             .depth = 3,
             .expects = holds(),
             .because = "a local APIC holds back what is in service already"},
            {.name = "enables-interrupts",
             .summary = "each tick turns interrupts on before its IRET",
             .origin = "EDK2 before that",
             .covers = {"P18"},
             .events = ticks,
             .depth = 3,
             .expects = breaks(Invariant::event_conservation,
                               {{{irq, {}}, {irq, {"interrupts_on"}}, {irq, {"interrupts_on"}}}}),
             .because = "a tick in the nested one nests again, and so on until the stack is used up"},
        },
};

}  // namespace gatecrash::cases
