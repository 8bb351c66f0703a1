// Some events cannot be masked, such as SVSM's #HV. Its handler postpones one that arrives while interrupts are off: it sets a
// word, and code that enables interrupts tests that word first. In this guest NMIs stand for such events, and the exit of
// interrupts is the only code that enables them.
//
// An event that arrives between that test and the IRET would wait for the next interrupt. So an NMI that lands there takes
// over: it drops its own frame, switches to the stack that it interrupted, and runs that exit again.
//
// Switches:
//   WITHOUT_TAKEOVER     an NMI there is postponed as well
//   RANGE_AFTER_JUMP     the range in which NMIs take over begins after the jump that ends the check
#include "entry.h"

        .section .data, "aw"
        .balign 8
nmi_postponed:
        .quad 0

        .section .entry.text, "ax"
        .globl entry_irq
        .type entry_irq, @function
entry_irq:
        IRQ_BODY
        testb $3, 8(%rsp)
        jz irq_exit
        swapgs
// The exit of interrupts. All registers are the interrupted context's, and RSP is at its frame.
        .globl irq_exit
irq_exit:
        cmpb $0, nmi_postponed
#ifndef RANGE_AFTER_JUMP
.Ltakeover_begin:
#endif
        .globl irq_exit_jump
irq_exit_jump:
        jne postponed_nmi
#ifdef RANGE_AFTER_JUMP
.Ltakeover_begin:
#endif
        .globl irq_iret
irq_iret:
        iretq
.Ltakeover_end:

// Handles a postponed NMI, with interrupts off and RSP at the frame of the interrupt that is about to return.
        .globl postponed_nmi
postponed_nmi:
        movb $0, nmi_postponed
        pushq $0
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY event_body GATECRASH_VECTOR_NMI
        EXIT_PARANOID_GS
        RESTORE_REGS
        jmp irq_exit

// NMI: runs on IST 1, with NMIs masked until the next IRET.
        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        testb $3, 8(%rsp)
        jnz nmi_now
        testl $RFLAGS_IF, 16(%rsp)
        jnz nmi_now
#ifndef WITHOUT_TAKEOVER
        cmpq $.Ltakeover_begin, (%rsp)
        jb 1f
        cmpq $.Ltakeover_end, (%rsp)
        jb nmi_takes_over
1:
#endif
        movb $1, nmi_postponed
        .globl nmi_iret
nmi_iret:
        iretq

        .globl nmi_now
nmi_now:
        pushq $0
        ENTRY_PARANOID event_body GATECRASH_VECTOR_NMI

#ifndef WITHOUT_TAKEOVER
// Takes over the exit of the interrupt. NMIs stay masked until the IRET of that exit.
        .globl nmi_takes_over
nmi_takes_over:
        movq 24(%rsp), %rsp
        jmp postponed_nmi
#endif
