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
    .asks = "Is there a limit to the nesting of timer interrupts?",
    .variants =
        {
            {.name = "deferred",
             .summary = "a nested tick leaves the remaining work to the outer one, and returns with interrupts off",
             .origin = "EDK2 since January 2024 (NestedInterruptTplLib, BZ 4162)",
             .covers = {"P18"},
             .events = ticks,
             .depth = 3,
             .expects = holds(),
             .because = "no tick can arrive inside the inner one, so at most two bodies run at once"},
            {.name = "last-eoi",
             .summary = "the handler turns interrupts on first, and signals EOI to the APIC afterwards",
             .origin = "the first fix of EDK2's BZ 2815, which made code that waits for a tick there wait for ever",
             .covers = {"P18"},
             .events = ticks,
             .depth = 3,
             .expects = holds(),
             .because = "a local APIC holds an interrupt back while its vector is in service"},
            {.name = "enables-interrupts",
             .summary = "each tick turns interrupts on before its IRET",
             .origin = "EDK2 before that fix",
             .covers = {"P18"},
             .events = ticks,
             .depth = 3,
             .expects = breaks(Invariant::event_conservation,
                               {{{irq, {}}, {irq, {"interrupts_on"}}, {irq, {"interrupts_on"}}}}),
             .because = "ticks nest without limit until they use up the stack"},
        },
};

}  // namespace gatecrash::cases
