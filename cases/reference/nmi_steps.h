/* The steps of an NMI's entry and exit. A defect's file that defines a step's name replaces it (README.md). Offsets from
 * RSP are those of the stack that copied_frame.h draws. */
#ifndef GATECRASH_REFERENCE_NMI_STEPS_H
#define GATECRASH_REFERENCE_NMI_STEPS_H

#include "calling.h"
#include "copied_frame.h"

#ifdef NMI_ON_IRQ_STACK
#define CALL_NMI_BODY CALL_ON_IRQ_STACK nmi_body
#else
#define CALL_NMI_BODY movq %rsp, %rdi; call nmi_body
#endif

/* Where a workload asks for it, another CPU takes the user's code segment away meanwhile (modify_ldt). The frame of the
 * final IRET is at RSP + `frame`. */
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

/* Moves the frame, and all registers, from the NMI stack to the task stack: the next NMI may use the NMI stack. */
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

/* From CPL 3 an NMI is an exception like others. From CPL 0 it goes on at nmi_from_kernel. */
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

/* In the copy the handler is still to come, and `iret` is half written: nothing to do. */
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

/* After the clearing of `executing` RSP still is on the NMI stack. */
.macro FIRST_UNLESS_ON_NMI_STACK
        leaq nmi_stack(%rip), %rdx
        cmpq %rdx, 32(%rsp)
        jb nmi_first
        leaq nmi_stack_top(%rip), %rdx
        cmpq %rdx, 32(%rsp)
        ja nmi_first
.endm

/* DF marks the rest of the exit, since user code may have put its RSP on the NMI stack and executed SYSCALL, which
 * clears DF. */
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
