// An event without a mask that its handler postpones while interrupts are off, after SVSM's #HV: whoever turns interrupts
// on again looks whether one was postponed. NMIs stand for it here, and the exit of interrupts is the only such place.
//
// Between the last look and the IRET a postponed event would wait for the next interrupt. An NMI that lands there takes over:
// it gives up its own frame, goes back to the stack that it interrupted, and has that exit look again.
//
// Switches:
//   WITHOUT_TAKEOVER     an NMI there is postponed as well
//   RANGE_AFTER_JUMP     the range in which NMIs take over begins after the jump that ends the look
#include "entry.h"

        .section .data, "aw"
        .balign 8
nmi_postponed:
        .quad 0

        .section .entry.text, "ax"
        .globl entry_irq
        .type entry_irq, @function
// The vector stands where an error code would.
entry_irq:
        testb $3, 16(%rsp)
        jz 1f
        swapgs
1:      SAVE_REGS
        cld
        movq %rsp, %rdi
        movl GATECRASH_FRAME_ERROR(%rsp), %esi
        call event_body
        RESTORE_REGS
        testb $3, 8(%rsp)
        jz irq_exit
        swapgs
// All registers are the interrupted context's, and RSP is at its frame.
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

// Interrupts off, RSP at the frame of the interrupt that is about to return.
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

// On IST 1, NMIs masked until the next IRET.
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
// NMIs stay masked: the IRET of the interrupt ends that, too.
        .globl nmi_takes_over
nmi_takes_over:
        movq 24(%rsp), %rsp
        jmp postponed_nmi
#endif
