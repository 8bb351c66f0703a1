#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
constexpr auto mc = Event::Kind::mc, nmi = Event::Kind::nmi;
/// An NMI's entry while its frame is where the CPU pushed it.
const std::vector<sweep::SymbolRange> in_front_of_copy{{"entry_nmi", "nmi_repeat"}};
}  // namespace

extern const Case machine_check{
    .name = "machine-check",
    .asks = "Does a machine check inside another event's entry, body or exit, or a second one, overwrite a frame?",
    .variants =
        {
            {.name = "reference",
             .summary = "MCIP is cleared on the task stack, on the way to user code",
             .origin = "what the SDM asks for (volume 3, 15.3.1.2), done late enough",
             .covers = {"J2"},
             .events = {Event::mc(), Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because =
                 "while a frame is on the IST stack, a second machine check shuts the CPU down whatever the code does"},
            {.name = "mcip-cleared-on-ist",
             .summary = "MCIP is cleared in the body, on the IST stack",
             .origin = "the handler that does as its manual says, and clears MCIP when it has read the bank",
             .covers = {"J2"},
             .events = {Event::mc()},
             .depth = 2,
             .expects = breaks(Invariant::stack,
                               {{{mc, {}}, {mc, {"paranoid_body", "log_record", "exception_work", "entry_mc"}}}}),
             .because = "from there to the IRET a second machine check starts at the top of the same stack"},
            {.name = "from-user",
             .summary = "from CPL 3 a machine check is on the task stack when MCIP is cleared",
             .origin = "Linux, sync_regs",
             .covers = {"J3"},
             .events = {Event::mc(), Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "what the second one overwrites is no longer used"},
            {.name = "from-user-stays",
             .summary = "it stays on the IST stack, and MCIP is cleared on the way to user code",
             .origin = "an entry like the others, but for the switch to the task stack",
             .covers = {"J3"},
             .events = {Event::mc()},
             .depth = 2,
             .expects = breaks(Invariant::stack, {{{mc, {"user_window"}}, {mc, {"exception_body"}}}}),
             .because = "the second one starts at the top of the stack on which the first one's frame still is",
             .window = {{"user_window", "user_window_end"}, {"exception_body", "paranoid_body"}}},
            {.name = "in-nmi",
             .summary = "a machine check on the first instructions of an NMI's entry returns without IRET",
             .origin = "what nesting NMIs need where their frame is not copied yet",
             .covers = {"J1"},
             .events = {Event::mc(), Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "so the next NMI comes when the first one has copied its frame",
             .window = in_front_of_copy},
            {.name = "in-nmi-returns-by-iret",
             .summary = "it returns by IRET, as everywhere",
             .origin = "every kernel with IST stacks",
             .covers = {"J1"},
             .events = {Event::mc(), Event::nmi()},
             .depth = 2,
             .expects = breaks(Invariant::stack, {{{mc, {}}, {nmi, {"nmi_from_kernel", "nmi_first"}}}}),
             .because = "the next NMI begins where the frame still is that the first one has not copied",
             .window = {{"nmi_from_kernel", "nmi_repeat"}}},
        },
};

}  // namespace gatecrash::cases
