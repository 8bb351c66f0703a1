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

extern const Case nmi32{
    .name = "nmi32",
    .asks = "Does an NMI inside another one do harm if NMIs have no stack of their own?",
    .variants = {
        {.name = "reference",
         .summary = "bodies do not nest: an NMI that finds another one running makes it do another round",
         .origin = "Linux ccd49c239177, \"Allow NMIs to hit breakpoints in i386\" (2011)",
         .covers = {"A15"},
         .events = {Event::nmi()},
         .depth = 1,  // plus the NMI that opens the window
         .expects = holds(),
         .because = "no frame gets lost, since the stack only grows, and no event, since the state says \"latched\""},
        {.name = "bodies-nest",
         .summary = "each NMI runs its body at once",
         .origin = "Linux before that commit",
         .covers = {"A15"},
         .events = {Event::nmi()},
         .depth = 1,
         .expects = breaks(Invariant::event_conservation, {{{nmi, {"nmi_work"}}}}),
         .because = "the IRET of an INT3 unmasks NMIs inside the body",
         .window = {{"nmi_work", "nmi_work_end"}}},
    }};

}  // namespace gatecrash::cases
