// The later design: the CPU's frame is copied twice, a word on the stack says that an NMI is executing, and a nested NMI
// redirects the outer one's IRET frame so that the handler repeats. pages/copied-frame.md has its history.
//
// Switch:
//   LATE_CHECK    the test for the interrupted RIP lying in the copy comes after the tests for nesting
#include "copied_frame.h"
#include "entry.h"

        .text

// Goes to `yes` if the interrupted RIP lies in the copy. RSP is at the scratch RDX.
.macro JUMP_IF_COPYING yes
        cmpq $nmi_repeat, 8(%rsp)
        jb .Lelsewhere\@
        cmpq $nmi_repeat_end, 8(%rsp)
        jb \yes
.Lelsewhere\@:
.endm

        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        pushq %rdx
        cmpw $GATECRASH_KERNEL_CS, 16(%rsp)
        jne nmi_first
#ifndef LATE_CHECK
        // In the copy the handler is still to come, and `iret` is half written: nothing to do.
        JUMP_IF_COPYING nmi_nested_out
#endif
        cmpq $1, -8(%rsp)
        je nmi_nested
        // Behind the clearing of `executing`: on the NMI stack, with DF set, which user code that put its RSP here
        // cannot have (SYSCALL clears it).
        cmpq $nmi_stack, 32(%rsp)
        jb nmi_not_on_stack
        cmpq $nmi_stack_top, 32(%rsp)
        ja nmi_not_on_stack
        testb $(RFLAGS_DF >> 8), 25(%rsp)
        jnz nmi_nested
nmi_not_on_stack:
#ifdef LATE_CHECK
        JUMP_IF_COPYING nmi_nested_out
#endif
        .globl nmi_first
nmi_first:
        COPY_NMI_FRAME
        pushq $0
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY event_body GATECRASH_VECTOR_NMI
        EXIT_PARANOID_GS
        RESTORE_REGS
        addq $IRET_FRAME, %rsp
        std
        .globl nmi_clear_executing
nmi_clear_executing:
        movq $0, EXECUTING - IRET_FRAME(%rsp)
        .globl nmi_iret
nmi_iret:
        iretq

        .globl nmi_nested
nmi_nested:
        HAVE_OUTER_NMI_REPEAT
nmi_nested_out:
        popq %rdx
        iretq
