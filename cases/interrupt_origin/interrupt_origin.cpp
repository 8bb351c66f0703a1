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
    .asks = "Does the kernel recognise an external interrupt as one, whatever its vector?",
    .variants =
        {
            {.name = "int80",
             .summary = "vector 0x80 is a system call unless the interrupt controller has that vector in service",
             .origin = "Linux since 2023 (CVE-2024-25744)",
             .covers = {"F15"},
             .events = {Event::irq(GATECRASH_USER_IRQ), Event::nmi()},
             .depth = 1,
             .expects = holds(),
             .because = "INT n does not change the interrupt controller, so it tells the two apart",
             .modelled = true},
            {.name = "int80-from-anywhere",
             .summary = "vector 0x80 is always a system call",
             .origin = "CVE-2024-25744",
             .covers = {"F15"},
             .events = {Event::irq(GATECRASH_USER_IRQ)},
             .depth = 1,
             .expects = breaks(Invariant::event_conservation,
                               {{{irq,
                                  {"user_window", "user_int80_back", "user_syscall", "syscall_entry_body",
                                   "syscall_work", "user_fault_landing"}}}}),
             .because = "a hypervisor can make user code execute a system call at any time",
             .modelled = true},
            {.name = "int80-by-opcode",
             .summary = "vector 0x80 is a system call if the instruction before RIP is INT 0x80",
             .origin = "constructed: a check that an entry can make without the interrupt controller",
             .covers = {"F15"},
             .events = {Event::irq(GATECRASH_USER_IRQ)},
             .depth = 1,
             .expects = breaks(Invariant::event_conservation, {{{irq, {"user_int80_back"}}}}),
             .because = "after the INT its opcode is still before RIP, so an interrupt there repeats the system call",
             .modelled = true},
            {.name = "exceptions",
             .summary =
                 "the alignment of RSP distinguishes an exception with an error code from an interrupt without one",
             .origin = "SDM volume 3, 6.8.1 and 6.14.2",
             .covers = {"F16"},
             .events = with_vectors_of_exceptions,
             .depth = 1,
             .expects = holds(),
             .because = "the CPU aligns RSP to 16 bytes, and then pushes five words, or six with an error code"},
            {.name = "exceptions-trusted",
             .summary = "the entry decides by the vector whether there is an error code",
             .origin = "every kernel that trusts its interrupt controller",
             .covers = {"F16"},
             .events = with_vectors_of_exceptions,
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{irq, {"user_window", "user_fault_landing"}}}}),
             .because = "the body's frame is off by one word, so it takes RIP for the error code"},
        },
};

}  // namespace gatecrash::cases
