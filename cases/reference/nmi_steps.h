/* The steps of an NMI's entry and exit. A defect's file replaces a step by defining its name (README.md).
 * copied_frame.h draws the stack to which the offsets from RSP refer. */
#ifndef GATECRASH_REFERENCE_NMI_STEPS_H
#define GATECRASH_REFERENCE_NMI_STEPS_H

#include "calling.h"
#include "copied_frame.h"

#ifdef NMI_ON_IRQ_STACK
#define CALL_NMI_BODY CALL_ON_IRQ_STACK nmi_body
#else
#define CALL_NMI_BODY movq %rsp, %rdi; CALL_OUTSIDE nmi_body
#endif

/* Models another CPU that takes the user's code segment away during the NMI (modify_ldt), if the workload asks for it.
 * The frame of the final IRET is at RSP + `frame`. */
.macro USERS_CODE_GOES frame:req
#ifdef CODE_GOES_DURING_NMI
        cmpq $GATECRASH_USER_CS, FROM_RIP(CS) + \frame(%rsp)
        jne .Lgoes\@
        movq $GATECRASH_LDT_CODE_ABSENT, FROM_RIP(CS) + \frame(%rsp)
.Lgoes\@:
#endif
.endm

/* --- from CPL 3 -------------------------------------------------------------------------------------------------- */

#ifndef PUSH_RDI_OF_USER
.macro PUSH_RDI_OF_USER
        pushq %rdi
.endm
#endif

/* Moves the frame and all registers from the NMI stack to the task stack, so that the next NMI may use the NMI
 * stack. */
.macro MOVE_NMI_TO_TASK_STACK
        PUSH_RDI_OF_USER
        swapgs
        TO_KERNEL_CR3 %rdi
        movq %rsp, %rdi
        movq TASK_STACK_TOP, %rsp
        PUSH_IRET_FRAME 8(%rdi)
        pushq $0
        pushq (%rdi)
        SAVE_REGS_BUT_RDI
        CLEAR_FLAGS
.endm

#ifndef RETURN_OF_USERS_NMI
#define RETURN_OF_USERS_NMI return_to_user
#endif

/* Handles an NMI from CPL 3 like any other exception. An NMI from CPL 0 continues at nmi_from_kernel. */
#ifndef HANDLE_NMI_FROM_USER
.macro HANDLE_NMI_FROM_USER
        testb $3, FROM_RIP(CS)(%rsp)
        jz nmi_from_kernel
        CLEAR_DF_AND_AC
        MOVE_NMI_TO_TASK_STACK
        CALL_NMI_BODY
        USERS_CODE_GOES GATECRASH_FRAME_RIP
        jmp RETURN_OF_USERS_NMI
.endm
#endif

/* --- whether another NMI is being handled. RSP is at the scratch word -------------------------------------------- */

#ifndef PUSH_SCRATCH_WORD
.macro PUSH_SCRATCH_WORD
        pushq %rdx
.endm
#endif

/* Leaves if this NMI interrupted the copy: `iret` is half written and the handler has not run yet, so there is nothing
 * to do. */
.macro OUT_IF_COPYING
        leaq nmi_repeat(%rip), %rdx
        cmpq %rdx, 8(%rsp)
        jb .Lelsewhere\@
        leaq nmi_repeat_end(%rip), %rdx
        cmpq %rdx, 8(%rsp)
        jb nmi_nested_out
.Lelsewhere\@:
.endm

.macro NESTED_IF_EXECUTING
        cmpq $1, -8(%rsp)
        je nmi_nested
.endm

/* Takes this NMI for the first if the interrupted RSP is not on the NMI stack. After an outer NMI has cleared
 * `executing`, its RSP is still there. */
.macro FIRST_UNLESS_ON_NMI_STACK
        leaq nmi_stack(%rip), %rdx
        cmpq %rdx, 32(%rsp)
        jb nmi_first
        leaq nmi_stack_top(%rip), %rdx
        cmpq %rdx, 32(%rsp)
        ja nmi_first
.endm

/* Takes this NMI for the first unless DF is set, which marks the rest of an outer NMI's exit. User code can point RSP
 * at the NMI stack and execute SYSCALL, but SYSCALL clears DF. */
#ifndef FIRST_UNLESS_DF_MARKS_EXIT
.macro FIRST_UNLESS_DF_MARKS_EXIT
        testb $(RFLAGS_DF >> 8), 25(%rsp)
        jz nmi_first
.endm
#endif
#ifndef MARK_EXIT_BY_DF
.macro MARK_EXIT_BY_DF
        std
.endm
#endif

/* --- the return. RSP is at `iret` -------------------------------------------------------------------------------- */

#ifndef CLEAR_EXECUTING
.macro CLEAR_EXECUTING
        movq $0, EXECUTING - IRET_FRAME(%rsp)
.endm
#endif

#ifndef LEAVE_NMI
#define LEAVE_NMI iretq
#endif

#endif
