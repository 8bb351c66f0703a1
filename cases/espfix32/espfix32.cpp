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
    .asks =
        "In 32-bit mode, does an IRET that faults, or that returns to a 16-bit stack segment, leak or lose anything?",
    .variants = {
        {.name = "reference",
         .summary =
             "the last IRET runs on a stack segment where ESP has the user's upper half; handlers leave that segment",
         .origin = "the espfix of Linux in a different form",
         .covers = {"B8", "B9", "B10", "B12"},
         .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()},
         .depth = 1,
         .expects = holds(),
         .because = "entries switch to the flat stack segment before they access their frame, and back at the end"},
        {.name = "exception-stays",
         .summary = "exceptions access their frame through ESP on whatever stack segment they find",
         .origin = "a fault of the IRET on the espfix stack segment",
         .covers = {"B8"},
         .events = {Event::db()},
         .depth = 0,
         .expects = breaks_without_event(Invariant::stack),
         .because =
             "ESP has the user's upper half, so it does not point to the frame, and the handler faults for ever"},
        {.name = "nmi-stays",
         .summary = "NMIs access their frame through ESP on whatever stack segment they find",
         .origin = "a bug that became known when kernels began to enter on an entry stack",
         .covers = {"B9"},
         .events = {Event::nmi()},
         .depth = 1,
         .expects = breaks(Invariant::no_unexpected_vector, {{{nmi, {"return_espfix_iret"}}}}),
         .because = "the handler's first access to its frame is beyond the segment's limit, so the kernel faults",
         .window = espfix_iret},
        {.name = "nmi-forgets",
         .summary = "NMIs switch to the flat stack segment, but do not switch back for the return",
         .origin = "constructed: half a fix of nmi-stays",
         .covers = {"B9"},
         .events = {Event::nmi()},
         .depth = 1,
         .expects = breaks(Invariant::round_trip, {{{nmi, {"return_espfix_iret"}}}}),
         .because = "the interrupted IRET then leaks the upper half of the kernel's ESP to the user",
         .window = espfix_iret},
        {.name = "iret-not-fixed",
         .summary = "the handler treats a fault of the IRET to user code as a fault of the kernel",
         .origin = "constructed: an exception table without an entry for the IRET of the exit",
         .covers = {"B10"},
         .events = {Event::nmi()},
         .depth = 0,
         .expects = breaks_without_event(Invariant::fault_origin),
         .because = "the user asked for a return that is impossible, so the fault is the user's"},
        {.name = "keeps-kernel-fs",
         .summary = "the exit does not restore the user's FS",
         .origin = "constructed from the rule that an IRET to CPL 3 clears segment registers of a lower DPL (SDM "
                   "volume 2, IRET)",
         .covers = {"B12"},
         .events = {Event::nmi()},
         .depth = 0,
         .expects = breaks_without_event(Invariant::round_trip),
         .because = "user code gets a null selector in FS, and faults later"},
    }};

}  // namespace gatecrash::cases
