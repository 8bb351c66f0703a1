// Handles an NMI whose final IRET faults, because the user's code segment disappears during the NMI. The #GP handler
// works like the delivery of a signal: it gives the task a valid code segment and returns to it. The pages in pages/
// explain both designs.
//
// Switch:
//   TASK_STACK    an NMI that interrupted user code first moves to the task stack
//
// The stack on which the final IRET faults, from its top:
//
//       SS RSP RFLAGS CS RIP      the NMI's frame, or its copy, which the IRET uses
//       (8 bytes of alignment)
//       SS RSP RFLAGS CS RIP      pushed by the #GP; its RSP points to the frame above
//       error code, registers
#include "entry.h"

#define SELECTOR_OF_NOTHING 0x7b        // beyond the end of the GDT

        .text

// Models another CPU that takes the user's code segment away (modify_ldt) during the NMI. RSP is at the Frame.
.macro LOSE_USER_CODE_SEGMENT
        testb $3, GATECRASH_FRAME_CS(%rsp)
        jz .Lkernel\@
        movq $SELECTOR_OF_NOTHING, GATECRASH_FRAME_CS(%rsp)
.Lkernel\@:
.endm

        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
#ifdef TASK_STACK
        ENTER_NMI_ON_TASK_STACK
        LOSE_USER_CODE_SEGMENT
        RESTORE_REGS
        swapgs
#else
        pushq $0
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY event_body GATECRASH_VECTOR_NMI
        LOSE_USER_CODE_SEGMENT
        EXIT_PARANOID_GS
        RESTORE_REGS
#endif
        .globl nmi_iret
nmi_iret:
        iretq

// Handles the #GP of that IRET, at CPL 0 on the stack of the IRET, with the user's GS base.
        .globl entry_gp
        .type entry_gp, @function
entry_gp:
        cmpq $nmi_iret, 8(%rsp)
        jne gp_fatal
        swapgs
        SAVE_REGS
        CALL_BODY event_body GATECRASH_VECTOR_GP
        RESTORE_REGS
        swapgs
        movq 24(%rsp), %rsp             // the frame that the IRET could not use
        movq $GATECRASH_USER_CS, 8(%rsp)
        .globl gp_iret
gp_iret:
        iretq
gp_fatal:
        ENTRY_FATAL GATECRASH_VECTOR_GP
