#include "gatecrash/explore/case.hpp"

namespace gatecrash::cases {

using explore::breaks;
using explore::Case;
using explore::holds;
using explore::Invariant;
using machine::Event;

namespace {
constexpr auto mc = Event::Kind::mc;
}

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
        },
};

}  // namespace gatecrash::cases
