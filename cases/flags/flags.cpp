#include "addresses.h"
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
constexpr auto irq = Event::Kind::irq, pf = Event::Kind::pf;
/// The page of the user's word that the kernel reads is not there yet.
const auto on_user_word = Event::pf(REFERENCE_TRACED);
}  // namespace

extern const Case flags{
    .name = "flags",
    .asks = "Does every body begin with the flags that C code relies on, and what it interrupted go on with its own?",
    .variants =
        {
            {.name = "reference",
             .summary = "each entry clears DF and AC",
             .origin = "the ABI of C, which has DF clear",
             .covers = {"J9"},
             .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc(), on_user_word},
             .depth = 1,
             .expects = holds(),
             .because = "no gate clears them, and IRET and SYSRET give back what was interrupted"},
            {.name = "no-cld",
             .summary = "no entry clears DF",
             .origin = "the classic bug (CVE-2008-1367 has it for signal handlers)",
             .covers = {"J9"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::flags),
             .because = "the body has the user's DF: its string instructions run backwards"},
            {.name = "smap",
             .summary = "a kernel with SMAP: AC is set while it uses user memory, and each entry clears it",
             .origin = "Linux since 2012",
             .covers = {"J11"},
             .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc(), on_user_word},
             .depth = 1,
             .expects = holds(),
             .because = "what comes between STAC and CLAC clears AC, and its IRET sets it again",
             .needs = {Behaviour::smap}},
            {.name = "smap-no-clac",
             .summary = "entries from CPL 0 do not clear AC",
             .origin = "what CLAC in each of Linux's entries is for",
             .covers = {"J11"},
             .events = {Event::irq(), on_user_word},
             .depth = 1,
             .expects = breaks(Invariant::flags, {{{irq, {"syscall_reads_user"}}}, {{pf, {"syscall_reads_user"}}}}),
             .because = "the body of what comes between STAC and CLAC may use user memory, too",
             .needs = {Behaviour::smap}},
            {.name = "smap-return-without-ac",
             .summary = "the frame that is returned through has AC clear",
             .origin = "handlers that sanitize the flags of a frame, whoever was interrupted",
             .covers = {"J11"},
             .events = {on_user_word},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{pf, {"syscall_reads_user"}}}}),
             .because = "the page is there now, and the access faults again and again for want of AC",
             .needs = {Behaviour::smap}},
        },
};

}  // namespace gatecrash::cases
