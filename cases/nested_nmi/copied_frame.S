// Implements the later design. The first NMI copies the CPU's frame twice, and a word on the stack says that an NMI is
// executing. A nested NMI redirects the outer one's IRET frame so that the handler repeats. pages/copied-frame.md has
// the history.
//
// Switch:
//   LATE_CHECK    the test whether RIP is in the copy comes after the tests for nesting
#include "copied_frame.h"
#include "entry.h"

        .text

// Jumps to `yes` if the interrupted RIP is in the code that copies the frame. RSP is at the saved RDX.
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
        // During the copy, `iret` is half written and the handler has not run yet, so there is nothing to do.
        JUMP_IF_COPYING nmi_nested_out
#endif
        cmpq $1, -8(%rsp)
        je nmi_nested
        // After the clearing of `executing`, an outer NMI is on the NMI stack with DF set. User code that points RSP at
        // this stack cannot have DF set here, since SYSCALL clears it.
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
