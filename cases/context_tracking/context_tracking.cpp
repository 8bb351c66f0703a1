#include "addresses.h"
#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::breaks_without_event;
using suite::Case;
using suite::Expectation;
using suite::holds;
using suite::Variant;
using sweep::Invariant;
using vm::Event;

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

/// Swept there only.
Variant windowed(std::vector<sweep::SymbolRange> window, Variant variant) {
    variant.window = std::move(window);
    return variant;
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
                    "by CS, without the fixup's pretence", {"I-2"}, breaks_without_event(Invariant::context_tracking),
                    "the exit has left kernel context, and nothing enters it again"),
            windowed(
                {{"entry_syscall", "syscall_entered"}, {"return_by_sysret", "return_sysret"}},
                variant("paranoid-keeps-context", "NMI and #MC rely on CS, too", "before rcu_nmi_enter", {"I-5"},
                        breaks(Invariant::context_tracking, {{{nmi, {"entry_syscall", "return_by_sysret"}}}}),
                        "they do come between an entry and its change of context, whatever IF says", {Event::nmi()})),
            variant("entered-twice", "an entry that was entered for the user changes the context once more",
                    "what CT_WARN_ON is for", {"I-3"}, breaks_without_event(Invariant::context_tracking),
                    "the second change finds kernel context"),
            variant("cr2-read-late", "a trace point of the entry comes in front of the reading of CR2",
                    "Linux until 2014 (0ac09f9f8cd1)", {"I-6"},
                    breaks(Invariant::fault_registers, {{{pf, {"exception_body"}}}}),
                    "the trace point's own page fault replaces CR2"),
            variant("migrates", "by CS, and a page fault of the user's ends on another CPU, which tracks the context",
                    "Andy Lutomirski, 2015", {"I-4"}, holds(),
                    "the exit asks nobody what was: it returns to user code, and so the context is the user's",
                    {Event::nmi(), Event::irq()}),
            variant("migrates-exit-by-previous", "the same, and the exit gives back the context that its entry noted",
                    "Frederic Weisbecker, 2013", {"I-4"}, breaks_without_event(Invariant::context_tracking),
                    "what the entry noted was true of another CPU", {Event::nmi()}),
            variant("idle", "what interrupts the idle loop borrows the kernel's context, and does not wait",
                    "Linux since 2020 (conditional RCU entry)", {"I-9"}, holds(),
                    "only there a frame of the kernel's is not in its context, and there nothing has to wait"),
            variant("idle-keeps-context", "an entry from CPL 0 is in kernel context",
                    "what idle loops are the exception to", {"I-9"},
                    breaks(Invariant::context_tracking, {{{irq, {"be_idle", "idle_loop"}}}, {{pf, {"idle_loop"}}}}),
                    "an interrupt of the idle loop, or a page fault of its trace point, runs in the idle context",
                    {Event::irq(), Event::pf(REFERENCE_TRACED)}),
            variant("idle-every-fault-borrows", "every page fault of the kernel's is entered as if the CPU were idle",
                    "an unconditional RCU entry", {"I-9"},
                    breaks(Invariant::context_tracking, {{{pf, {"syscall_work"}}}}),
                    "one that waits for its page takes what it borrowed into another task",
                    {Event::irq(), Event::pf(REFERENCE_TRACED)}),
            variant("in-assembly", "a trace point in assembly, behind SWAPGS and the reading of CR2", "Linux 2019",
                    {"I-7", "I-8"}, holds(), "CR2 is in a register that calls keep",
                    {Event::irq(), Event::pf(REFERENCE_TRACED)}),
            variant("in-assembly-cr2-read-late", "CR2 is read behind that trace point", "Linux until 2019", {"I-7"},
                    breaks(Invariant::fault_registers, {{{pf, {"irqs_off_traced"}}}}),
                    "the trace point's own page fault replaces CR2", {Event::pf(REFERENCE_TRACED)}),
            variant("in-assembly-cr2-in-rdx", "CR2 is kept in RDX, where the body is to get it",
                    "Linux 2019, for a while", {"I-7"}, breaks_without_event(Invariant::fault_registers),
                    "a call in between may use RDX", {Event::pf(REFERENCE_TRACED)}),
            variant("in-assembly-before-swapgs", "the trace point of an interrupt from CPL 3 comes before SWAPGS",
                    "what comments in Linux' entry code warn of", {"I-8"},
                    breaks(Invariant::kernel_gs,
                           {{{irq, {"user_syscall", "user_fault", "user_fault_landing", "user_bad_return"}}}}),
                    "it takes the user's GS base for the kernel's per-CPU data", {Event::irq()}),
        },
};

}  // namespace gatecrash::cases
