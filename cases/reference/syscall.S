// The reference entry: SYSCALL, and its return by SYSRET where nobody can tell it from one by IRET.
#include "syscall_steps.h"

        .section .entry.text, "ax"

// SYSCALL. RCX and R11 are the user's RIP and RFLAGS; user RSP, user GS base, user page tables, interrupts off (FMASK).
ENTRY entry_syscall
        swapgs
        SAVE_USER_RSP
        TO_KERNEL_CR3 %rsp
        TO_TASK_STACK
        PUSH_FRAME_OF_SYSCALL
        movq %rsp, %rdi
PLACE syscall_entered
        call syscall_entry_body

// The return of SYSCALL. RSP is at the frame; kernel GS base, kernel page tables, interrupts off. SYSRET loads RIP from
// RCX, RFLAGS from R11, and CS and SS with constants: it is taken only if that is what the frame says.
PLACE syscall_exit
        LOAD_RCX_AND_R11
        SLOW_UNLESS_RCX_IS_RIP
        SLOW_UNLESS_RIP_IS_A_USERS
        SLOW_UNLESS_CS_IS_SYSRETS
        SLOW_UNLESS_R11_IS_RFLAGS
        SLOW_IF_SYSRET_CHANGES_FLAGS
        SLOW_UNLESS_SS_IS_SYSRETS

PLACE return_by_sysret
        RESTORE_REGS_FOR_SYSRET
        TO_USER_RSP_AND_CR3
        swapgs
PLACE return_sysret
        LEAVE_BY_SYSRET
