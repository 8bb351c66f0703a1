#include "gatecrash/explore/case.hpp"

namespace gatecrash::cases {

using explore::breaks;
using explore::Case;
using explore::holds;
using explore::Invariant;
using machine::Event;

namespace {
constexpr auto nmi = Event::Kind::nmi, db = Event::Kind::db, mc = Event::Kind::mc, irq = Event::Kind::irq;
}

extern const Case nmi_case{
    .name = "nmi",
    .asks = "Is every NMI handled once, whatever it interrupts and whatever its body does?",
    .variants =
        {
            {.name = "reference",
             .summary = "from CPL 3 on the task stack; from CPL 0 with a copied frame; bodies do not nest",
             .origin = "Linux since 2015",
             .covers = {"A8", "A13"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "nothing that user code can set, and no boundary, makes one NMI look like another"},
            {.name = "no-df-mark",
             .summary = "an NMI is nested if the interrupted RSP is on the NMI stack",
             .origin = "CVE-2015-3291",
             .covers = {"A8"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::event_conservation,
                               {{{nmi, {"entry_syscall", "return_by_sysret", "return_sysret"}}}}),
             .because = "behind SYSCALL, RSP is what the user put there"},
            {.name = "keeps-no-cr2",
             .summary = "the body does not give CR2 back",
             .origin = "Linux 7fbb98c5cb07",
             .covers = {"A13"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::fault_registers, {{{nmi, {"entry_pf", "exception_body"}}}}),
             .because = "a page fault that it interrupts before CR2 is read gets the address of the NMI's own"},
            {.name = "on-handlers",
             .summary = "what may come at any instruction infers nothing",
             .origin = "Linux, paranoid entries",
             .covers = {"A22", "A23"},
             .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()},
             .depth = 2,
             .expects = holds(),
             .because = "an NMI saves and gives back what it finds"},
            {.name = "on-handlers-by-cs",
             .summary = "NMI, #MC and #DB execute SWAPGS if the interrupted CS is the user's",
             .origin = "the classic bug, where two events on one boundary bring it out",
             .covers = {"A22", "A23"},
             .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()},
             .depth = 2,
             .expects =
                 breaks(Invariant::kernel_gs, {{{db, {}}, {nmi, {"entry_db", "return_iret"}}},
                                               {{db, {}}, {mc, {"entry_db", "return_iret"}}},
                                               {{mc, {}}, {nmi, {"entry_mc", "return_iret"}}},
                                               {{mc, {}}, {mc, {"return_iret"}}},
                                               {{irq, {}}, {nmi, {"entry_irq_stubs", "entry_irq", "return_iret"}}},
                                               {{irq, {}}, {mc, {"entry_irq_stubs", "entry_irq", "return_iret"}}},
                                               {{nmi, {}}, {mc, {"entry_nmi", "return_iret"}}}}),
             .because = "traps come before NMIs, which then land on the first instruction of the trap's handler"},
        },
};

}  // namespace gatecrash::cases
