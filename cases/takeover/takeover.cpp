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
    .asks = "Does the kernel handle a postponed unmaskable event before it turns interrupts on again?",
    .variants =
        {
            {.name = "reference",
             .summary = "an NMI between the last check for postponed NMIs and the IRET gives up its own frame",
             .origin = "Coconut-SVSM, May 2024 (760ca4ce), with #HV",
             .covers = {"P1"},
             .events = {Event::nmi(), Event::irq()},
             .depth = 2,
             .expects = holds(),
             .because = "the NMI takes over the frame of the interrupted return, and the exit then handles it"},
            {.name = "postponed-only",
             .summary = "the entry postpones every NMI that arrives with interrupts off",
             .origin = "Coconut-SVSM before that commit",
             .covers = {"P1"},
             .events = {Event::nmi(), Event::irq()},
             .depth = 1,
             .expects = breaks(Invariant::event_conservation, {{{nmi, {"irq_exit_jump", "irq_iret"}}}}),
             .because = "nothing checks again before the next interrupt"},
            {.name = "range-after-jump",
             .summary = "NMIs take over only from the instruction after the jump that ends the check",
             .origin = "constructed for comparison",
             .covers = {"P1"},
             .events = {Event::nmi(), Event::irq()},
             .depth = 1,
             .expects = breaks(Invariant::event_conservation, {{{nmi, {"irq_exit_jump"}}}}),
             .because = "on the jump, the exit has already read the word"},
        },
};

}  // namespace gatecrash::cases
