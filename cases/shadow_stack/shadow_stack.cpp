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
constexpr auto nmi = Event::Kind::nmi, irq = Event::Kind::irq, mc = Event::Kind::mc;
const std::vector shadow_stacks{Behaviour::shadow_stacks,        Behaviour::shadow_stack_from_user,
                                Behaviour::shadow_stack_of_ist,  Behaviour::busy_shadow_stack,
                                Behaviour::shadow_stack_of_iret, Behaviour::ssp_over_syscall};
// Bochs runs some 25 schedules a second, so each variant is swept where its design can fail, and the reference in all
// these places.
const sweep::SymbolRange syscall_entry{"entry_syscall", "syscall_has_shadow_stack"},
    syscall_exit{"syscall_leaves_shadow_stack", "entry_nmi"}, in_user{"user_after_syscall", "user_end"},
    nmi_from_user{"nmi_unmasked", "entry_irq"}, interrupt_exit{"irq_exit", "irq_work_postponed"},
    interrupt_iret{"irq_iret", ""}, nmi_iret{"nmi_iret", ""};

sweep::SymbolRange only(Event::Kind kind, sweep::SymbolRange range) {
    range.of = kind;
    return range;
}
}  // namespace

extern const Case shadow_stack{
    .name = "shadow-stack",
    .asks = "Does the kernel switch, free and edit shadow stacks together with its stacks?",
    .variants =
        {
            {.name = "reference",
             .summary = "each switch of stacks switches shadow stacks, and each change of a RIP changes both",
             .origin = "the SDM's rules for supervisor shadow stacks",
             .covers = {"N20", "P45"},
             .events = {Event::nmi(), Event::irq(), Event::mc()},
             .depth = 2,
             .expects = holds(),
             .because = "each token is free when an event takes its shadow stack, and each IRET finds the address "
                        "that it returns to",
             .needs = shadow_stacks,
             .window = {only(nmi, in_user), only(nmi, nmi_from_user), only(nmi, interrupt_exit),
                        only(nmi, syscall_entry), only(nmi, syscall_exit), only(irq, in_user), only(irq, syscall_entry),
                        only(irq, syscall_exit), only(mc, interrupt_exit), only(mc, nmi_iret)}},
            {.name = "nmi-token-stays-busy",
             .summary = "an NMI from user code moves to the task's shadow stack and leaves its own token busy",
             .origin = "Xen before e421ed0f68, where a suspend to RAM could leave such tokens busy",
             .covers = {"P45"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = breaks(Invariant::no_unexpected_vector,
                               {{{nmi, {"user_after_syscall"}}, {nmi, {"user_after_syscall", "nmi_unmasked"}}}}),
             .because = "the next NMI finds the token busy, so #GP comes instead of it",
             .needs = shadow_stacks,
             .window = {in_user, nmi_from_user}},
            {.name = "breakpoint-on-ist",
             .summary = "an NMI from the kernel takes a breakpoint on its IST stack, whose IRET unmasks NMIs",
             .origin = "nested-nmi/single-stack, with a shadow stack",
             .covers = {"N20"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = breaks(Invariant::no_unexpected_vector, {{{nmi, {}}, {nmi, {"nmi_after_breakpoint"}}}}),
             .because = "a nested NMI finds the token busy, so #GP comes instead of it",
             .needs = shadow_stacks,
             .window = {interrupt_iret, {"nmi_after_breakpoint", "nmi_iret"}}},
            {.name = "shared-shadow-stack",
             .summary = "the interrupt SSP table has one shadow stack for NMI and #MC",
             .origin = "constructed for comparison",
             .covers = {"N20"},
             .events = {Event::nmi(), Event::mc()},
             .depth = 2,
             .expects = breaks(Invariant::no_unexpected_vector, {{{nmi, {}}, {mc, {"nmi_iret"}}}}),
             .because = "a machine check in the NMI's handler finds the token busy",
             .needs = shadow_stacks,
             .window = {interrupt_exit, only(mc, nmi_iret)}},
            {.name = "interrupts-before-ssp",
             .summary = "the entry of SYSCALL turns interrupts on before SETSSBSY",
             .origin = "constructed from the fact that SYSCALL clears SSP",
             .covers = {"N20"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks(Invariant::no_unexpected_vector, {{{irq, {"syscall_takes_shadow_stack"}}}}),
             .because = "the interrupt has no shadow stack to push to, and ends in #DF",
             .needs = shadow_stacks,
             .window = {syscall_entry}},
            {.name = "interrupts-without-ssp",
             .summary = "the exit of SYSCALL turns interrupts off after CLRSSBSY",
             .origin = "constructed from the fact that CLRSSBSY clears SSP",
             .covers = {"N20"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks(Invariant::no_unexpected_vector, {{{irq, {"syscall_left_shadow_stack"}}}}),
             .because = "the interrupt has no shadow stack to push to, and ends in #DF",
             .needs = shadow_stacks,
             .window = {syscall_exit}},
            {.name = "task-token-stays-busy",
             .summary = "the exit of SYSCALL leaves out CLRSSBSY",
             .origin = "constructed for comparison",
             .covers = {"N20"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::no_unexpected_vector),
             .because = "the next entry from user code finds the token busy",
             .needs = shadow_stacks},
            {.name = "restart-in-frame-only",
             .summary =
                 "an NMI on the last instructions of an interrupt makes that exit check again, in its frame only",
             .origin = "the #HV handler of Coconut-SVSM before 5d212280",
             .covers = {"P45"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::no_unexpected_vector, {{{nmi, {"irq_exit_jump", "irq_iret"}}}}),
             .because = "the IRET compares the frame with the shadow stack, and raises #CP",
             .needs = shadow_stacks,
             .window = {interrupt_exit}},
            {.name = "fixup-in-frame-only",
             .summary = "the fixup of an access to user memory changes the frame, not the shadow stack",
             .origin = "the exception table of Coconut-SVSM before e2967213; a like bug in Xen before 35727551c0",
             .covers = {"N20", "P45"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::no_unexpected_vector),
             .because = "the IRET compares the frame with the shadow stack, and raises #CP",
             .needs = shadow_stacks},
        },
};

}  // namespace gatecrash::cases
