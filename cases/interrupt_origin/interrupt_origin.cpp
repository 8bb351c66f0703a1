#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
constexpr auto irq = Event::Kind::irq;
const std::vector<Event> with_vectors_of_exceptions{Event::irq(GATECRASH_VECTOR_DF), Event::irq(GATECRASH_VECTOR_GP),
                                                    Event::irq(GATECRASH_VECTOR_PF), Event::irq(GATECRASH_VECTOR_VC)};
}  // namespace

extern const Case interrupt_origin{
    .name = "interrupt-origin",
    .asks = "Is an external interrupt taken for one, whatever its vector?",
    .variants =
        {
            {.name = "int80",
             .summary = "vector 0x80 is a system call, unless the interrupt controller has it in service",
             .origin = "Linux since 2023 (CVE-2024-25744)",
             .covers = {"F15"},
             .events = {Event::irq(GATECRASH_USER_IRQ), Event::nmi()},
             .depth = 1,
             .expects = holds(),
             .because = "INT n leaves the controller alone",
             .modelled = true},
            {.name = "int80-from-anywhere",
             .summary = "vector 0x80 is a system call",
             .origin = "CVE-2024-25744",
             .covers = {"F15"},
             .events = {Event::irq(GATECRASH_USER_IRQ)},
             .depth = 1,
             .expects = breaks(Invariant::event_conservation,
                               {{{irq,
                                  {"user_window", "user_int80_back", "user_syscall", "syscall_entry_body",
                                   "syscall_work", "user_fault_landing"}}}}),
             .because = "a hypervisor has user code execute system calls when it likes",
             .modelled = true},
            {.name = "int80-by-opcode",
             .summary = "it is one if INT 0x80 stands in front of RIP",
             .origin = "what an entry can see by itself",
             .covers = {"F15"},
             .events = {Event::irq(GATECRASH_USER_IRQ)},
             .depth = 1,
             .expects = breaks(Invariant::event_conservation, {{{irq, {"user_int80_back"}}}}),
             .because = "behind the INT it still stands there: the system call can be had twice",
             .modelled = true},
            {.name = "exceptions",
             .summary = "the alignment of RSP tells an exception with an error code from an interrupt, which has none",
             .origin = "SDM volume 3, 6.8.1 and 6.14.2",
             .covers = {"F16"},
             .events = with_vectors_of_exceptions,
             .depth = 1,
             .expects = holds(),
             .because = "the CPU aligns RSP to 16, and then pushes five words or six"},
            {.name = "exceptions-trusted",
             .summary = "the vector says whether there is an error code",
             .origin = "every kernel whose interrupt controller is trusted",
             .covers = {"F16"},
             .events = with_vectors_of_exceptions,
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{irq, {"user_window", "user_fault_landing"}}}}),
             .because = "the body's frame is off by a word, so that RIP is taken for the error code"},
        },
};

}  // namespace gatecrash::cases
