/* The steps of SYSCALL's entry and exit. A defect's file replaces a step by defining its name (README.md). */
#ifndef GATECRASH_REFERENCE_SYSCALL_STEPS_H
#define GATECRASH_REFERENCE_SYSCALL_STEPS_H

#include "calling.h"

/* --- the way in: no stack yet, and no register is free ----------------------------------------------------------- */

#ifndef SAVE_USER_RSP
.macro SAVE_USER_RSP
        movq %rsp, USER_RSP
.endm
#endif

#ifndef TO_TASK_STACK
.macro TO_TASK_STACK
        movq TASK_STACK_TOP, %rsp
.endm
#endif

/* Builds the frame that an exception at the user's next instruction would have. */
.macro PUSH_FRAME_OF_SYSCALL
        pushq $GATECRASH_USER_SS
        pushq USER_RSP
        pushq %r11
        pushq $GATECRASH_USER_CS
        pushq %rcx
        pushq $0
        SAVE_REGS
.endm

/* --- whether the frame is one that SYSRET can restore. RSP is at the frame --------------------------------------- */

#ifndef SLOW_RETURN
#define SLOW_RETURN return_to_user
#endif

.macro LOAD_RCX_AND_R11
        movq GATECRASH_FRAME_RCX(%rsp), %rcx
        movq GATECRASH_FRAME_R11(%rsp), %r11
.endm

#ifndef SLOW_UNLESS_RCX_IS_RIP
.macro SLOW_UNLESS_RCX_IS_RIP
        cmpq %rcx, GATECRASH_FRAME_RIP(%rsp)
        jne SLOW_RETURN
.endm
#endif

/* Requires an RIP whose bits 63 to 47 are zero, as in canonical addresses of the user. Intel's SYSRET faults at CPL 0
 * on an RIP that is not canonical. */
#ifndef SLOW_UNLESS_RIP_IS_A_USERS
.macro SLOW_UNLESS_RIP_IS_A_USERS
        movq GATECRASH_FRAME_RIP(%rsp), %rdx
        shrq $47, %rdx
        jnz SLOW_RETURN
.endm
#endif

#ifndef SLOW_UNLESS_CS_IS_SYSRETS
.macro SLOW_UNLESS_CS_IS_SYSRETS
        cmpq $GATECRASH_USER_CS, GATECRASH_FRAME_CS(%rsp)
        jne SLOW_RETURN
.endm
#endif

#ifndef SLOW_UNLESS_R11_IS_RFLAGS
.macro SLOW_UNLESS_R11_IS_RFLAGS
        cmpq %r11, GATECRASH_FRAME_RFLAGS(%rsp)
        jne SLOW_RETURN
.endm
#endif

/* Flags that only IRET can restore: SYSRET clears RF, and with TF it traps before the user's first instruction. */
#ifndef FLAGS_FOR_IRET_ONLY
#define FLAGS_FOR_IRET_ONLY (RFLAGS_RF | RFLAGS_TF)
#endif
.macro SLOW_IF_SYSRET_CHANGES_FLAGS
        testl $FLAGS_FOR_IRET_ONLY, GATECRASH_FRAME_RFLAGS(%rsp)
        jnz SLOW_RETURN
.endm

#ifndef SLOW_UNLESS_SS_IS_SYSRETS
.macro SLOW_UNLESS_SS_IS_SYSRETS
        cmpq $GATECRASH_USER_SS, GATECRASH_FRAME_SS(%rsp)
        jne SLOW_RETURN
.endm
#endif

/* --- the way out by SYSRET --------------------------------------------------------------------------------------- */

/* Restores the registers, and leaves RSP at the saved RDI. */
#ifndef RESTORE_REGS_FOR_SYSRET
#define RESTORE_REGS_FOR_SYSRET RESTORE_REGS_BUT_RDI
#endif

/* Loads the user's CR3, RDI and RSP, from the entry stack, which the user's page tables map. */
.macro TO_USER_RSP_AND_CR3
        movq %rsp, %rdi
        leaq entry_stack_top(%rip), %rsp
        pushq FROM_RDI(RSP)(%rdi)
        pushq (%rdi)
        TO_USER_CR3 %rdi
        popq %rdi
        popq %rsp
.endm

#ifndef LEAVE_BY_SYSRET
#define LEAVE_BY_SYSRET sysretq
#endif

#endif
