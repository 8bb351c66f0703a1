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
/// A page fault on the word of user memory that the kernel reads, whose page is not present yet.
const auto on_user_word = Event::pf(REFERENCE_TRACED);
}  // namespace

extern const Case flags{
    .name = "flags",
    .asks =
        "Does every body start with the flags that C code relies on, and does the interrupted code get its own flags "
        "back?",
    .variants =
        {
            {.name = "reference",
             .summary = "each entry clears DF and AC",
             .origin = "the C ABI, which requires DF to be clear",
             .covers = {"J9"},
             .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc(), on_user_word},
             .depth = 1,
             .expects = holds(),
             .because = "gates do not clear DF and AC, so the entries do; IRET and SYSRET restore them"},
            {.name = "no-cld",
             .summary = "no entry clears DF",
             .origin = "a well-known bug (CVE-2008-1367 is the same bug in signal handlers)",
             .covers = {"J9"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::flags),
             .because = "the body has the user's DF, so its string instructions run backwards"},
            {.name = "smap",
             .summary = "a kernel with SMAP sets AC while it accesses user memory, and each entry clears AC",
             .origin = "Linux since 2012",
             .covers = {"J11"},
             .events = {Event::nmi(), Event::irq(), Event::db(), Event::mc(), on_user_word},
             .depth = 1,
             .expects = holds(),
             .because = "a handler that interrupts the code between STAC and CLAC clears AC, and its IRET restores it",
             .needs = {Behaviour::smap}},
            {.name = "smap-no-clac",
             .summary = "entries from CPL 0 do not clear AC",
             .origin = "kernels without CLAC in their entries; Linux has it",
             .covers = {"J11"},
             .events = {Event::irq(), on_user_word},
             .depth = 1,
             .expects = breaks(Invariant::flags, {{{irq, {"syscall_reads_user"}}}, {{pf, {"syscall_reads_user"}}}}),
             .because = "a handler that interrupts the code between STAC and CLAC may access user memory as well",
             .needs = {Behaviour::smap}},
            {.name = "smap-return-without-ac",
             .summary = "handlers clear AC in the frame through which they return",
             .origin = "handlers that sanitize the flags in every frame, also in frames of the kernel",
             .covers = {"J11"},
             .events = {on_user_word},
             .depth = 1,
             .expects = breaks(Invariant::progress, {{{pf, {"syscall_reads_user"}}}}),
             .because = "the page is present now, but the access faults again and again because AC is clear",
             .needs = {Behaviour::smap}},
        },
};

}  // namespace gatecrash::cases
