// Implements Torvalds' design of July 2010. A flag says that an NMI is being handled. A nested NMI zeroes CS in the
// outer one's return frame, and returns without IRET, so that NMIs stay masked. The outer NMI's IRET then faults, and
// the handler runs once more. pages/linus-2010.md lists the corrections to the sketch, and why they are needed.
//
// Switches:
//   RIP_CHECK                  recognises by RIP an NMI on the final IRET, where the flag is already clear
//   FIXUP_CHECK                recognises by RIP an NMI inside the #GP of the final IRET
//   BODY_ENABLES_INTERRUPTS    nmi_work sets IF, so interrupts land on the exit; their entry goes by the GS base
//   CLI_BEFORE_EXIT            turns interrupts off before it clears the flag
//
// The NMI stack, from its top, while an NMI is handled:
//
//       SS RSP RFLAGS CS RIP      pushed by the CPU; a nested NMI overwrites this, so nothing returns through it
//       7 words                   room for a nested NMI's two registers
//       saved CS                  FRAME+40: the outer frame's CS, if a nested NMI took it
//       SS RSP RFLAGS CS RIP      FRAME: the copy that the final IRET uses; nmi_frame points here
//       error code, registers
#include "entry.h"

        .section .data, "aw"
// A kernel keeps these variables per CPU. This guest has one CPU, and the entry code needs them before it knows the GS
// base.
nmi_nesting:
        .byte 0
        .balign 8
nmi_frame:
        .quad 0

        .text
        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        cmpb $0, nmi_nesting(%rip)
        jne nmi_nested
#ifdef RIP_CHECK
        cmpq $nmi_iret, (%rsp)
        je nmi_might_be_nested
#endif
#ifdef FIXUP_CHECK
        // Recognises the #GP of the final IRET by its RIP range on the NMI stack. Any other #GP that an NMI can
        // interrupt has either the flag set or another stack.
        cmpq $entry_gp, (%rsp)
        jb nmi_first
        cmpq $gp_fixup_end, (%rsp)
        jae nmi_first
        cmpq $nmi_stack, 24(%rsp)
        jb nmi_first
        cmpq $nmi_stack_top, 24(%rsp)
        jb nmi_might_be_nested
#endif
nmi_first:
        subq $64, %rsp
        .rept 5
        pushq 96(%rsp)
        .endr
        movq %rsp, nmi_frame(%rip)
        .globl nmi_set_flag
nmi_set_flag:
        movb $0xff, nmi_nesting(%rip)
        .globl nmi_regular
nmi_regular:
        pushq $0
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY event_body GATECRASH_VECTOR_NMI
        EXIT_PARANOID_GS
        RESTORE_REGS
#ifdef CLI_BEFORE_EXIT
        cli
#endif
        .globl nmi_exit
nmi_exit:
        movb $0, nmi_nesting(%rip)
        .globl nmi_iret
nmi_iret:
        iretq

#ifdef RIP_CHECK
// This NMI interrupted the final IRET of an outer NMI, or the #GP of that IRET. The registers are the interrupted
// context's again, and nothing has used the outer frame. So this code forgets the NMI's own frame, and runs the handler
// once more on the outer one.
        .globl nmi_might_be_nested
nmi_might_be_nested:
        cmpw $GATECRASH_KERNEL_CS, 8(%rsp)
        jne nmi_first
        movq nmi_frame(%rip), %rsp
        jmp nmi_set_flag
#endif

// This NMI is nested. It makes the outer NMI's IRET fault, and returns with POPF and RET, which keep NMIs masked. The
// interrupted context is the kernel's, which has no red zone, so the two words below its RSP are free.
        .globl nmi_nested
nmi_nested:
        pushq %rax
        pushq %rdx
        movq nmi_frame(%rip), %rax
        movq 8(%rax), %rdx
        testq %rdx, %rdx
        jz 1f
        movq %rdx, 40(%rax)
        movq $0, 8(%rax)
1:      movq 40(%rsp), %rax             // interrupted RSP
        movq 16(%rsp), %rdx             // RIP
        movq %rdx, -8(%rax)
        movq 32(%rsp), %rdx             // RFLAGS
        movq %rdx, -16(%rax)
        subq $16, %rax
        movq %rax, 40(%rsp)
        popq %rdx
        popq %rax
        movq 24(%rsp), %rsp
        popfq
        ret

// Handles #GP. If the final IRET faulted on CS 0, a nested NMI asked for a repetition. This code then restores CS in
// the frame and runs the handler again. No general register may change before that. The registers hold the interrupted
// context's values, and a further NMI in here may restart the handler from the frame alone.
//
//       SS RSP RFLAGS CS RIP      at RSP+8
//       error code                at RSP
        .globl entry_gp
        .type entry_gp, @function
entry_gp:
        cmpq $nmi_iret, 8(%rsp)
        jne gp_fatal
        cmpw $GATECRASH_KERNEL_CS, 16(%rsp)
        jne gp_fatal
        movq nmi_frame(%rip), %rsp
        cmpq $0, 8(%rsp)
        jne nmi_set_flag
        pushq 40(%rsp)
        popq 8(%rsp)
        movb $0xff, nmi_nesting(%rip)
        .globl gp_fixup_end
gp_fixup_end:
        jmp nmi_regular
gp_fatal:
        ENTRY_FATAL GATECRASH_VECTOR_GP

#ifdef BODY_ENABLES_INTERRUPTS
// Handles external interrupts. One may land after the SWAPGS of the NMI's exit, with the kernel's CS and the user's GS
// base. So this entry reads the GS base, where the runtime's decides by CS. The vector takes the place of an error code.
        .globl entry_irq
        .type entry_irq, @function
entry_irq:
        SAVE_REGS
        ENTER_PARANOID_GS
        cld
        movq %rsp, %rdi
        movl GATECRASH_FRAME_ERROR(%rsp), %esi
        CALL_OUTSIDE event_body
        EXIT_PARANOID_GS
        RESTORE_REGS
        iretq
#endif
