#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::breaks_without_event;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
constexpr auto nmi = Event::Kind::nmi;
const std::vector<sweep::SymbolRange> espfix_iret{{"return_to_ldt_stack", "return_by_sysexit"}};
}  // namespace

extern const Case espfix32{
    .name = "espfix32",
    .asks = "Does an IRET to a stack segment of 16 bits, or one that faults, show or lose anything in 32-bit mode?",
    .variants = {
        {.name = "reference",
         .summary =
             "the last IRET on a stack segment whose ESP has the user's upper half; whoever interrupts leaves it",
         .origin = "Linux's espfix, in another form",
         .covers = {"B8", "B9", "B10", "B12"},
         .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()},
         .depth = 1,
         .expects = holds(),
         .because = "entries go on to the flat stack segment before they address their frame, and back at the end"},
        {.name = "exception-stays",
         .summary = "exceptions address their frame by ESP on whatever stack segment they come",
         .origin = "a fault of the IRET on the espfix stack segment",
         .covers = {"B8"},
         .events = {Event::db()},
         .depth = 0,
         .expects = breaks_without_event(Invariant::stack),
         .because = "ESP has the user's upper half: the frame is not where it leads, and the handler faults for ever"},
        {.name = "nmi-stays",
         .summary = "the same of NMIs",
         .origin = "an NMI on the espfix stack segment, found when kernels began to enter on an entry stack",
         .covers = {"B9"},
         .events = {Event::nmi()},
         .depth = 1,
         .expects = breaks(Invariant::no_unexpected_vector, {{{nmi, {"return_espfix_iret"}}}}),
         .because = "the handler's first access to its frame is beyond the segment's limit: a fault of the kernel",
         .window = espfix_iret},
        {.name = "nmi-forgets",
         .summary = "NMIs go on to the flat stack segment, and return on it",
         .origin = "the same, half mended",
         .covers = {"B9"},
         .events = {Event::nmi()},
         .depth = 1,
         .expects = breaks(Invariant::round_trip, {{{nmi, {"return_espfix_iret"}}}}),
         .because = "the interrupted IRET then leaves the kernel's upper half of ESP to the user",
         .window = espfix_iret},
        {.name = "iret-not-fixed",
         .summary = "a fault of the IRET to user code is one of the kernel",
         .origin = "an exit without an entry for its IRET in the exception table",
         .covers = {"B10"},
         .events = {Event::nmi()},
         .depth = 0,
         .expects = breaks_without_event(Invariant::fault_origin),
         .because = "what cannot be returned to is what the user asked for: the fault is the user's"},
        {.name = "keeps-kernel-fs",
         .summary = "the exit does not load the user's FS",
         .origin = "an IRET to CPL 3 takes segments of a lower DPL away (SDM volume 2, IRET)",
         .covers = {"B12"},
         .events = {Event::nmi()},
         .depth = 0,
         .expects = breaks_without_event(Invariant::round_trip),
         .because = "the user finds a null selector, and faults later"},
    }};

}  // namespace gatecrash::cases
