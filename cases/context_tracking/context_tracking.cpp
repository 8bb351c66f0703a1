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

/// Describes a variant: one of the two designs, or a defect of one. It sweeps `events` at depth 1, by default all
/// kinds.
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

/// Restricts the sweep of a variant to `window`.
Variant windowed(std::vector<sweep::SymbolRange> window, Variant variant) {
    variant.window = std::move(window);
    return variant;
}

}  // namespace

extern const Case context_tracking{
    .name = "context-tracking",
    .asks = "Does every body run in kernel context, whether entries decide by CS or save and restore the context?",
    .variants =
        {
            variant("by-cs", "an entry from CPL 3 changes the context, and an entry from CPL 0 relies on that change",
                    "Andy Lutomirski, 2015", {"I-1", "I-2", "I-3", "I-5", "I-6"}, holds(),
                    "no event whose entry decides by CS can arrive before the change: interrupts are off, and nothing "
                    "faults"),
            variant("soft", "each entry saves the context that it finds, and its exit restores it",
                    "Frederic Weisbecker, 2013", {"I-1", "I-2"}, holds(),
                    "the entry does not depend on what it interrupted"),
            variant("by-cs-entered-late", "by-cs, but interrupts are on before the context becomes the kernel's",
                    "an objection in the LKML thread on moving exit work to C, August 2015", {"I-1"},
                    breaks(Invariant::context_tracking, {{{irq, {"syscall_entry_body"}}}}),
                    "CS is already the kernel's, but the context is still the user's"),
            variant("soft-entered-late", "the same mistake in the design `soft`",
                    "the LKML thread on moving exit work to C, August 2015", {"I-1"}, holds(),
                    "the interrupt enters kernel context, and restores the user's"),
            variant("by-cs-left-early", "by-cs, but interrupts are on after the context has become the user's again",
                    "an objection in the LKML thread on moving exit work to C, August 2015", {"I-2"},
                    breaks(Invariant::context_tracking, {{{irq, {"syscall_entry_body", "exception_body"}}}}),
                    "CS is still the kernel's, but the context is already the user's"),
            variant("soft-left-early", "the same mistake in the design `soft`",
                    "the LKML thread on moving exit work to C, August 2015", {"I-2"}, holds(),
                    "the interrupt enters kernel context, and restores the user's"),
            variant("return-fault-is-the-kernels",
                    "the handler treats a fault of the IRET to user code as a fault of the kernel",
                    "constructed: by-cs without the fixup, which makes the fault look like the user's", {"I-2"},
                    breaks_without_event(Invariant::context_tracking),
                    "the exit has left kernel context, and the fault's handler does not enter it again"),
            windowed(
                {{"entry_syscall", "syscall_entered"}, {"return_by_sysret", "return_sysret"}},
                variant("paranoid-keeps-context", "NMI and #MC rely on CS as well", "kernels before rcu_nmi_enter",
                        {"I-5"}, breaks(Invariant::context_tracking, {{{nmi, {"entry_syscall", "return_by_sysret"}}}}),
                        "NMI and #MC ignore IF, so they can arrive between an entry and its change of context",
                        {Event::nmi()})),
            variant("entered-twice", "an entry from user code changes the context twice",
                    "constructed from the mistake that CT_WARN_ON in Linux detects", {"I-3"},
                    breaks_without_event(Invariant::context_tracking),
                    "the second change finds the context to be the kernel's already"),
            variant("cr2-read-late", "a trace point in the entry runs before the body reads CR2",
                    "Linux until 2014 (0ac09f9f8cd1)", {"I-6"},
                    breaks(Invariant::fault_registers, {{{pf, {"exception_body"}}}}),
                    "a page fault in the trace point overwrites CR2"),
            variant("migrates", "by-cs, with a user's page fault that ends on another CPU, which tracks the context",
                    "Andy Lutomirski, 2015", {"I-4"}, holds(),
                    "the exit needs no saved state: it returns to user code, so it sets the user's context",
                    {Event::nmi(), Event::irq()}),
            variant("migrates-exit-by-previous", "migrates, but the exit restores the context that its entry saved",
                    "Frederic Weisbecker, 2013", {"I-4"}, breaks_without_event(Invariant::context_tracking),
                    "the entry saved the context of another CPU", {Event::nmi()}),
            variant("idle", "a handler that interrupts the idle loop borrows the kernel's context, and does not wait",
                    "Linux since 2020 (conditional RCU entry)", {"I-9"}, holds(),
                    "only the idle loop is kernel code outside kernel context, and no handler has to wait there"),
            variant("idle-keeps-context", "each entry from CPL 0 assumes kernel context",
                    "constructed to show that idle loops need an exception to this rule", {"I-9"},
                    breaks(Invariant::context_tracking, {{{irq, {"be_idle", "idle_loop"}}}, {{pf, {"idle_loop"}}}}),
                    "an interrupt in the idle loop, or a page fault in its trace point, runs in the idle context",
                    {Event::irq(), Event::pf(REFERENCE_TRACED)}),
            variant("idle-every-fault-borrows",
                    "every page fault in the kernel borrows the context, as if the CPU were idle",
                    "constructed: an unconditional RCU entry for page faults", {"I-9"},
                    breaks(Invariant::context_tracking, {{{pf, {"syscall_work"}}}}),
                    "a page fault that waits for its page still holds the borrowed context while another task runs",
                    {Event::irq(), Event::pf(REFERENCE_TRACED)}),
            variant("in-assembly", "a trace point in assembly runs after SWAPGS and after the entry has read CR2",
                    "Linux 2019", {"I-7", "I-8"}, holds(), "CR2 is in a register that calls preserve",
                    {Event::irq(), Event::pf(REFERENCE_TRACED)}),
            variant("in-assembly-cr2-read-late", "the entry reads CR2 after the trace point in assembly",
                    "Linux until 2019", {"I-7"}, breaks(Invariant::fault_registers, {{{pf, {"irqs_off_traced"}}}}),
                    "a page fault in the trace point overwrites CR2", {Event::pf(REFERENCE_TRACED)}),
            variant("in-assembly-cr2-in-rdx", "the entry keeps CR2 in RDX, where the body expects it",
                    "Linux 2019, for a while", {"I-7"}, breaks_without_event(Invariant::fault_registers),
                    "the trace point is a call, which may overwrite RDX", {Event::pf(REFERENCE_TRACED)}),
            variant("in-assembly-before-swapgs", "the trace point of an interrupt from CPL 3 runs before SWAPGS",
                    "a mistake that comments in Linux's entry code warn about", {"I-8"},
                    breaks(Invariant::kernel_gs,
                           {{{irq, {"user_syscall", "user_fault", "user_fault_landing", "user_bad_return"}}}}),
                    "the trace point reads per-CPU data through the user's GS base", {Event::irq()}),
        },
};

}  // namespace gatecrash::cases
