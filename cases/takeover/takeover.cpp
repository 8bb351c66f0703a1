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

extern const Case takeover{
    .name = "takeover",
    .asks = "Is an unmaskable event that was postponed handled before interrupts are on again?",
    .variants =
        {
            {.name = "reference",
             .summary = "an NMI between the last look for a postponed one and the IRET gives up its own frame",
             .origin = "Coconut-SVSM, May 2024 (760ca4ce), with #HV",
             .covers = {"P1"},
             .events = {Event::nmi(), Event::irq()},
             .depth = 2,
             .expects = holds(),
             .because = "it takes over the frame that was about to be returned through, and handles itself there"},
            {.name = "postponed-only",
             .summary = "every NMI with interrupts off is postponed",
             .origin = "Coconut-SVSM before that",
             .covers = {"P1"},
             .events = {Event::nmi(), Event::irq()},
             .depth = 1,
             .expects = breaks(Invariant::event_conservation, {{{nmi, {"irq_exit_jump", "irq_iret"}}}}),
             .because = "nobody looks again before the next interrupt"},
            {.name = "range-after-jump",
             .summary = "NMIs take over only from the instruction after the jump that ends the look",
             .origin = "a variation",
             .covers = {"P1"},
             .events = {Event::nmi(), Event::irq()},
             .depth = 1,
             .expects = breaks(Invariant::event_conservation, {{{nmi, {"irq_exit_jump"}}}}),
             .because = "on the jump the word has been read already"},
        },
};

}  // namespace gatecrash::cases
