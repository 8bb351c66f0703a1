#include "gatecrash/explore/case.hpp"

namespace gatecrash::cases {

using explore::breaks;
using explore::Case;
using explore::holds;
using explore::Invariant;
using machine::Event;

namespace {
constexpr auto nmi = Event::Kind::nmi, mc = Event::Kind::mc;

/// Where the kernel runs with the user's GS base: in front of an entry's SWAPGS, and behind an exit's.
const std::vector<std::string> users_gs{"entry_syscall", "entry_irq_stubs", "entry_irq",
                                        "entry_bp",      "return_sysret",   "return_iret"};
/// Where it is on the user's page tables behind an exit's switch.
const std::vector<std::string> exits_on_users_cr3{"return_by_sysret", "return_sysret", "return_to_user", "return_iret"};
/// And in front of an entry's, too.
const std::vector<std::string> users_cr3{"entry_syscall",    "entry_irq_stubs", "entry_irq",      "entry_bp",
                                         "return_by_sysret", "return_sysret",   "return_to_user", "return_iret"};

/// Either event does it, on each of the symbols.
std::vector<explore::Place> by_each(const std::vector<std::string>& symbols) {
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
        },
};

}  // namespace gatecrash::cases
