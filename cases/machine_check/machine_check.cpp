#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
constexpr auto mc = Event::Kind::mc, nmi = Event::Kind::nmi;
/// Covers the entry of an NMI up to the copy of its frame, which until then is where the CPU pushed it.
const std::vector<sweep::SymbolRange> in_front_of_copy{{"entry_nmi", "nmi_repeat"}};
}  // namespace

extern const Case machine_check{
    .name = "machine-check",
    .asks = "Does a machine check inside another event's entry, body or exit, or a second one, overwrite a frame?",
    .variants =
        {
            {.name = "reference",
             .summary = "the kernel clears MCIP on the task stack, on the way to user code",
             .origin = "the rule of the SDM (volume 3, 15.3.1.2), applied late enough",
             .covers = {"J2"},
             .events = {Event::mc(), Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "while the IST stack holds a frame, a second machine check shuts the CPU down, whatever the "
                        "code does"},
            {.name = "mcip-cleared-on-ist",
             .summary = "the body clears MCIP while it is on the IST stack",
             .origin = "handlers that follow the manual and clear MCIP after they have read the bank",
             .covers = {"J2"},
             .events = {Event::mc()},
             .depth = 2,
             .expects = breaks(Invariant::stack,
                               {{{mc, {}}, {mc, {"paranoid_body", "log_record", "exception_work", "entry_mc"}}}}),
             .because = "between that and the IRET, a second machine check starts at the top of the same stack"},
            {.name = "from-user",
             .summary = "a machine check from CPL 3 moves to the task stack before it clears MCIP",
             .origin = "sync_regs in Linux",
             .covers = {"J3"},
             .events = {Event::mc(), Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "nothing uses the frame any more that a second machine check overwrites"},
            {.name = "from-user-stays",
             .summary = "a machine check from CPL 3 stays on the IST stack, and clears MCIP on the way to user code",
             .origin = "constructed: an entry that lacks only the switch to the task stack",
             .covers = {"J3"},
             .events = {Event::mc()},
             .depth = 2,
             .expects = breaks(Invariant::stack, {{{mc, {"user_window"}}, {mc, {"exception_body"}}}}),
             .because =
                 "a second machine check starts at the top of the stack, where the frame of the first one still is",
             .window = {{"user_window", "user_window_end"}, {"exception_body", "paranoid_body"}}},
            {.name = "in-nmi",
             .summary = "a machine check on the first instructions of an NMI's entry returns without an IRET",
             .origin = "constructed from the need of nested NMIs before the entry has copied the frame",
             .covers = {"J1"},
             .events = {Event::mc(), Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "NMIs stay masked, so the next one arrives after the first has copied its frame",
             .window = in_front_of_copy},
            {.name = "in-nmi-returns-by-iret",
             .summary = "a machine check there returns by IRET, as it does everywhere else",
             .origin = "every kernel with IST stacks",
             .covers = {"J1"},
             .events = {Event::mc(), Event::nmi()},
             .depth = 2,
             .expects = breaks(Invariant::stack, {{{mc, {}}, {nmi, {"nmi_from_kernel", "nmi_first"}}}}),
             .because = "the next NMI starts where the only frame of the first one is, which has not copied it yet",
             .window = {{"nmi_from_kernel", "nmi_repeat"}}},
        },
};

}  // namespace gatecrash::cases
