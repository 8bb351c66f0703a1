// SYSCALL of the reference entry. It returns by SYSRET where user code cannot distinguish that from a return by IRET.
#include "syscall_steps.h"

        .section .entry.text, "ax"

// Enters SYSCALL, with the user's RIP in RCX and RFLAGS in R11, the user's RSP, GS base and page tables, and interrupts
// off (FMASK).
ENTRY entry_syscall
        swapgs
        SAVE_USER_RSP
        TO_KERNEL_CR3 %rsp
        TO_TASK_STACK
        PUSH_FRAME_OF_SYSCALL
        movq %rsp, %rdi
PLACE syscall_entered
        CALL_OUTSIDE syscall_entry_body

// Returns from SYSCALL. RSP is at the frame, the GS base and page tables are the kernel's, and interrupts are off.
// SYSRET loads RIP from RCX, RFLAGS from R11, and constants into CS and SS. The exit uses it only if the frame has
// these values.
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
