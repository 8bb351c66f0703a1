#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::breaks_without_event;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Behaviour;
using vm::Event;

namespace {
constexpr auto nmi = Event::Kind::nmi, mc = Event::Kind::mc;

/// Symbols under which the kernel runs with the user's GS base: before an entry's SWAPGS, and after an exit's.
const std::vector<std::string> users_gs{"entry_syscall", "entry_irq_stubs", "entry_irq",
                                        "entry_bp",      "return_sysret",   "return_iret"};
/// The same symbols as users_gs, for a workload without INT3.
const std::vector<std::string> users_gs_without_bp{"entry_syscall", "entry_irq_stubs", "entry_irq", "return_sysret",
                                                   "return_iret"};
/// Symbols under which the kernel runs on the user's page tables after an exit's switch.
const std::vector<std::string> exits_on_users_cr3{"return_by_sysret", "return_sysret", "return_to_user", "return_iret"};
/// Symbols under which the kernel runs on the user's page tables, before an entry's switch or after an exit's.
const std::vector<std::string> users_cr3{"entry_syscall",    "entry_irq_stubs", "entry_irq",      "entry_bp",
                                         "return_by_sysret", "return_sysret",   "return_to_user", "return_iret"};

/// Expects that either event, NMI or #MC, breaks the variant on each of the symbols.
std::vector<suite::Place> by_each(const std::vector<std::string>& symbols) {
    return {{{nmi, symbols}}, {{mc, symbols}}};
}
}  // namespace

extern const Case swapgs{
    .name = "swapgs",
    .asks =
        "Do events that can arrive at any instruction get the kernel's GS base and page tables, and leave both "
        "unchanged?",
    .variants =
        {
            {.name = "reference",
             .summary = "the entry saves and sets the GS base and CR3, and the exit restores them",
             .origin = "Linux since 2020 (FSGSBASE)",
             .covers = {"F1", "F6", "F7"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "the entry infers nothing from the interrupted context"},
            {.name = "paranoid-by-cs",
             .summary = "NMI and #MC execute SWAPGS if the interrupted CS is the user's",
             .origin = "a well-known bug",
             .covers = {"F1"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, by_each(users_gs)),
             .because = "before an entry's SWAPGS, CS is already the kernel's, but the GS base is still the user's"},
            {.name = "paranoid-keeps-cr3",
             .summary = "only entries from CPL 3 switch the page tables",
             .origin = "the entry windows of page-table isolation",
             .covers = {"F6"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::page_tables, by_each(users_cr3)),
             .because = "before an entry's switch of CR3, the user's page tables do not map the body"},
            {.name = "paranoid-returns-on-kernel-cr3",
             .summary = "the exit does not restore the user's page tables",
             .origin = "the exit windows of page-table isolation",
             .covers = {"F7"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::page_tables, by_each(exits_on_users_cr3)),
             .because = "after the interrupted exit's switch of CR3, user code continues on the kernel's page tables"},
            {.name = "sign-of-gs",
             .summary = "NMI and #MC execute SWAPGS if the GS base is not negative",
             .origin = "Linux until 2020",
             .covers = {"F2"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "the kernel's GS base is negative, and user code cannot set a negative one"},
            {.name = "negative-gs",
             .summary = "the reference, with user code that sets its GS base to a kernel address",
             .origin = "Linux since 2020 (FSGSBASE)",
             .covers = {"F2", "F3"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "the entry saves and restores the GS base, and does not interpret it"},
            {.name = "negative-gs-by-sign",
             .summary = "the entry decides on SWAPGS by the sign of the GS base, and user code may execute WRGSBASE",
             .origin = "the problem that kept FSGSBASE out of Linux until 2020",
             .covers = {"F2", "F3"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, by_each(users_gs_without_bp)),
             .because = "the entry takes the user's negative GS base for the kernel's"},
            {.name = "flag-in-bl",
             .summary = "the byte register BL says whether the GS base was already the kernel's",
             .origin = "Redox since October 2023 (6f6f69c7)",
             .covers = {"P3"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "the exit tests the byte that the entry sets"},
            {.name = "flag-tested-in-ebx",
             .summary = "the entry sets BL, and the exit tests EBX",
             .origin = "Redox before that commit",
             .covers = {"P3"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, by_each(users_gs)),
             .because = "the other bits of EBX belong to the interrupted context, so the exit leaves SWAPGS out"},
            {.name = "cpu-by-lsl",
             .summary = "the entry finds per-CPU data by the CPU's number, the limit of a descriptor",
             .origin = "Linux since 2020 (FSGSBASE)",
             .covers = {"F12"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "each CPU has its own GDT, so the limit is always this CPU's number",
             .needs = {Behaviour::lsl, Behaviour::rdtscp},
             .modelled = true},
            {.name = "cpu-by-tsc-aux",
             .summary = "the entry reads the CPU's number from TSC_AUX, which may hold the value of a guest",
             .origin = "Linux 2020, for a while",
             .covers = {"F12"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, {{{nmi, {"kernel_has_guest"}}}}),
             .because = "an NMI that arrives before the host's TSC_AUX is restored gets another CPU's data",
             .needs = {Behaviour::rdtscp},
             .modelled = true},
            {.name = "exit-kind",
             .summary = "all handlers share one exit, and a register tells it whether to execute SWAPGS",
             .origin = "Linux until 2018",
             .covers = {"F4"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "every path to the exit sets that register, also the path from a fault of the return"},
            {.name = "exit-kind-not-set",
             .summary = "exit-kind, but the path from a fault of the return to user code does not set the register",
             .origin = "CVE-2018-14678",
             .covers = {"F4"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::kernel_gs),
             .because = "the register still has the user's RBX, so the exit returns with the kernel's GS base"},
        },
};

}  // namespace gatecrash::cases
