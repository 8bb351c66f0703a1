#include "addresses.h"
#include "gatecrash/explore/case.hpp"

namespace gatecrash::cases {

using explore::breaks;
using explore::Case;
using explore::Expectation;
using explore::holds;
using explore::Invariant;
using explore::Variant;
using machine::Event;

namespace {

constexpr auto nmi = Event::Kind::nmi, irq = Event::Kind::irq, pf = Event::Kind::pf;
const std::vector<Event> all{Event::nmi(), Event::irq(), Event::mc(), Event::pf(REFERENCE_TRACED)};

/// One of the two designs, or a defect of one, under everything that may come.
Variant variant(const char* name, const char* summary, const char* origin, std::vector<std::string> covers,
                Expectation expects, const char* because, const std::vector<Event>& events = all) {
    return {.name = name,
            .summary = summary,
            .origin = origin,
            .covers = std::move(covers),
            .events = events,
            .depth = 1,
            .expects = std::move(expects),
            .because = because};
}

}  // namespace

extern const Case context_tracking{
    .name = "context-tracking",
    .asks = "Does every body run in kernel context, whether it is judged by CS or what was found is given back?",
    .variants =
        {
            variant("by-cs", "an entry from CPL 3 changes the context, one from CPL 0 relies on that",
                    "Andy Lutomirski, 2015", {"I-1", "I-2", "I-3", "I-5", "I-6"}, holds(),
                    "nothing can come in between that is judged by CS: interrupts are off, and nothing faults"),
            variant("soft", "each entry notes the context that it finds, and gives it back",
                    "Frederic Weisbecker, 2013", {"I-1", "I-2"}, holds(), "it does not matter what was interrupted"),
            variant("by-cs-entered-late", "by CS, and interrupts are on before the context is the kernel's",
                    "the objection of the thread", {"I-1"},
                    breaks(Invariant::context_tracking, {{{irq, {"syscall_entry_body"}}}}),
                    "CS is the kernel's already, the context still the user's"),
            variant("soft-entered-late", "the same in the other design", "the thread", {"I-1"}, holds(),
                    "the interrupt enters kernel context, and gives the user's back"),
            variant("by-cs-left-early", "by CS, and interrupts are on when the context is the user's again",
                    "the objection of the thread", {"I-2"},
                    breaks(Invariant::context_tracking, {{{irq, {"syscall_entry_body", "exception_body"}}}}),
                    "CS is the kernel's still, the context already the user's"),
            variant("soft-left-early", "the same in the other design", "the thread", {"I-2"}, holds(),
                    "the interrupt enters kernel context, and gives the user's back"),
            variant("return-fault-is-the-kernels", "a fault of the IRET to user code is taken for the kernel's",
                    "by CS, without the fixup's pretence", {"I-2"}, breaks(Invariant::context_tracking, {{}}),
                    "the exit has left kernel context, and nothing enters it again"),
            variant("paranoid-keeps-context", "NMI and #MC rely on CS, too", "before rcu_nmi_enter", {"I-5"},
                    breaks(Invariant::context_tracking, {{{nmi, {}}}}),
                    "they do come between an entry and its change of context, whatever IF says", {Event::nmi()}),
            variant("entered-twice", "an entry that was entered for the user changes the context once more",
                    "what CT_WARN_ON is for", {"I-3"}, breaks(Invariant::context_tracking, {{}}),
                    "the second change finds kernel context"),
            variant("cr2-read-late", "a trace point of the entry comes in front of the reading of CR2",
                    "Linux until 2014 (0ac09f9f8cd1)", {"I-6"},
                    breaks(Invariant::fault_registers, {{{pf, {"exception_body"}}}}),
                    "the trace point's own page fault replaces CR2"),
        },
};

}  // namespace gatecrash::cases
