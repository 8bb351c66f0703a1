// An NMI whose final IRET faults: the code segment of the user code that it interrupted is gone by then. The #GP handler
// does what a signal does, gives the task a code segment that is there, and returns to it. pages/ tells both designs.
//
// Switch:
//   TASK_STACK    an NMI that interrupted user code moves to the task stack before anything else
//
// The stack on which the final IRET faults, from its top:
//
//       SS RSP RFLAGS CS RIP      the NMI's frame, or the copy of it: what the IRET uses
//       (8 bytes to align)
//       SS RSP RFLAGS CS RIP      pushed by the #GP; its RSP is where the frame above begins
//       error code, registers
#include "entry.h"

#define SELECTOR_OF_NOTHING 0x7b        // behind the GDT's end

        .text

// Another CPU takes the user's code segment away (modify_ldt) while the NMI is handled. RSP is at the Frame.
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

// #GP of that IRET, at CPL 0 on the stack of the IRET, with the user's GS base again.
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
