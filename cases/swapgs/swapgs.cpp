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

/// Where the kernel runs with the user's GS base: in front of an entry's SWAPGS, and behind an exit's.
const std::vector<std::string> users_gs{"entry_syscall", "entry_irq_stubs", "entry_irq",
                                        "entry_bp",      "return_sysret",   "return_iret"};
/// The same, in a workload without INT3.
const std::vector<std::string> users_gs_without_bp{"entry_syscall", "entry_irq_stubs", "entry_irq", "return_sysret",
                                                   "return_iret"};
/// Where it is on the user's page tables behind an exit's switch.
const std::vector<std::string> exits_on_users_cr3{"return_by_sysret", "return_sysret", "return_to_user", "return_iret"};
/// And in front of an entry's, too.
const std::vector<std::string> users_cr3{"entry_syscall",    "entry_irq_stubs", "entry_irq",      "entry_bp",
                                         "return_by_sysret", "return_sysret",   "return_to_user", "return_iret"};

/// Either event does it, on each of the symbols.
std::vector<suite::Place> by_each(const std::vector<std::string>& symbols) {
    return {{{nmi, symbols}}, {{mc, symbols}}};
}
}  // namespace

extern const Case swapgs{
    .name = "swapgs",
    .asks =
        "Does what may come at any instruction find the kernel's GS base and page tables, and leave them as they were?",
    .variants =
        {
            {.name = "reference",
             .summary = "GS base and CR3 are saved, set, and given back, whatever they were",
             .origin = "Linux since 2020 (FSGSBASE)",
             .covers = {"F1", "F6", "F7"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "nothing is inferred from what was interrupted"},
            {.name = "paranoid-by-cs",
             .summary = "SWAPGS if the interrupted CS is the user's",
             .origin = "the classic bug",
             .covers = {"F1"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, by_each(users_gs)),
             .because = "in front of an entry's SWAPGS, CS is the kernel's and the GS base still the user's"},
            {.name = "paranoid-keeps-cr3",
             .summary = "page tables are switched by the entries from CPL 3 only",
             .origin = "page-table isolation, the windows of its entries",
             .covers = {"F6"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::page_tables, by_each(users_cr3)),
             .because = "between SWAPGS and the switch of CR3 the body is not mapped"},
            {.name = "paranoid-returns-on-kernel-cr3",
             .summary = "the way out does not give the user's page tables back",
             .origin = "page-table isolation, the windows of its exits",
             .covers = {"F7"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::page_tables, by_each(exits_on_users_cr3)),
             .because = "behind the exit's switch of CR3 user code goes on with the kernel's page tables"},
            {.name = "sign-of-gs",
             .summary = "SWAPGS if the GS base is not negative",
             .origin = "Linux until 2020",
             .covers = {"F2"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "the kernel's GS base is negative, and user code has none such while it cannot set it"},
            {.name = "negative-gs",
             .summary = "the reference, and user code that sets its GS base to a kernel's address",
             .origin = "Linux since 2020 (FSGSBASE)",
             .covers = {"F2", "F3"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "the GS base is saved and given back, not judged"},
            {.name = "negative-gs-by-sign",
             .summary = "the sign of the GS base tells whether SWAPGS is due, and WRGSBASE is the user's to execute",
             .origin = "what kept FSGSBASE out of Linux until 2020",
             .covers = {"F2", "F3"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, by_each(users_gs_without_bp)),
             .because = "the user's GS base is taken for the kernel's"},
            {.name = "flag-in-bl",
             .summary = "a byte register says whether the GS base was the kernel's already",
             .origin = "Redox since October 2023 (6f6f69c7)",
             .covers = {"P3"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "the exit tests the byte that the entry sets"},
            {.name = "flag-tested-in-ebx",
             .summary = "the entry sets BL, and the exit tests EBX",
             .origin = "Redox before that",
             .covers = {"P3"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, by_each(users_gs)),
             .because = "the rest of EBX is the interrupted context's, so SWAPGS is left out"},
            {.name = "cpu-by-lsl",
             .summary = "per-CPU data are found by the CPU's number, which is the limit of a descriptor",
             .origin = "Linux since 2020 (FSGSBASE)",
             .covers = {"F12"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "each CPU has a GDT of its own",
             .needs = {Behaviour::lsl, Behaviour::rdtscp},
             .modelled = true},
            {.name = "cpu-by-tsc-aux",
             .summary = "the number is taken from TSC_AUX, in which a guest of this kernel's has its own",
             .origin = "Linux 2020, for a while",
             .covers = {"F12"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, {{{nmi, {"kernel_has_guest"}}}}),
             .because = "an NMI that comes before the host's TSC_AUX is back gets another CPU's data",
             .needs = {Behaviour::rdtscp},
             .modelled = true},
            {.name = "exit-kind",
             .summary = "one way out, and a register that says whether SWAPGS is due there",
             .origin = "Linux until 2018",
             .covers = {"F4"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 1,
             .expects = holds(),
             .because = "each way to it sets that register, the one from a fault of the return, too"},
            {.name = "exit-kind-not-set",
             .summary = "the way from a fault of the return to user code does not set it",
             .origin = "CVE-2018-14678",
             .covers = {"F4"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::kernel_gs),
             .because = "the register has what the user had in RBX, and so the user gets the kernel's GS base"},
        },
};

}  // namespace gatecrash::cases
