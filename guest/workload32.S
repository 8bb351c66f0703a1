// The workload of a 32-bit guest that brings none of its own: each way into the kernel once, from CPL 3 and from CPL 0, in a
// window each. This is a member of the runtime's archive, which the linker takes only to resolve user_start: a guest that
// defines that, has none of this.
//
// Every general register holds a pattern, and at END all of them, flags and segments are to be what they were at BEGIN
// (GATECRASH_PORT_BEGIN_ROUND_TRIP). So a register that gets lost without any event is a finding, too.
#include "entry32.h"

// EAX of the SYSENTER that opens the windows at CPL 0; not the pattern that FILL_REGISTERS32 puts there.
#define OPEN_KERNEL_WINDOWS 0

.macro WINDOW name entry:vararg
        FILL_REGISTERS32
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl \name, \name\()_back
\name:
        \entry
\name\()_back:
        outb %al, $GATECRASH_PORT_END
.endm

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        WINDOW user_interrupt, int $GATECRASH_USER_IRQ
        WINDOW user_breakpoint, int3
        FILL_REGISTERS32
        // What SYSENTER's entry wants, and what SYSEXIT leaves.
        movl %esp, %ebp
        movl %esp, %ecx
        movl $sysenter_landing, %edx
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_sysenter, sysenter_landing
user_sysenter:
        sysenter
sysenter_landing:
        outb %al, $GATECRASH_PORT_END
        movl $OPEN_KERNEL_WINDOWS, %eax
        sysenter                        // EBP is ESP still. It goes on at user_done
user_done:
        outb %al, $GATECRASH_PORT_DONE
        ud2

// What SYSENTER does, with its Frame32 in EAX.
        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        cmpl $OPEN_KERNEL_WINDOWS, GATECRASH_FRAME32_EAX(%eax)
        je 1f
        ret
1:      movl $user_done, GATECRASH_FRAME32_EIP(%eax)
        SAVE_CALLEE_SAVED32
        // SYSENTER cleared IF; a kernel that waits for nothing runs with interrupts on.
        sti
        WINDOW kernel_interrupt, int $GATECRASH_USER_IRQ
        WINDOW kernel_breakpoint, int3
        cli
        RESTORE_CALLEE_SAVED32
        ret
