// The default workload of a 32-bit guest. It uses each way into the kernel once from CPL 3, and the gates once more
// from CPL 0, each in its own window. The linker takes this member of the archive only to resolve user_start, so a
// guest that defines user_start does not get it.
//
// Every general register holds a pattern. At END all registers, flags and segments must equal their values at BEGIN
// (GATECRASH_PORT_BEGIN_ROUND_TRIP). So a register that gets lost without any event is a finding as well.
#include "entry32.h"

// EAX of the SYSENTER that opens the windows at CPL 0. It differs from the pattern that FILL_REGISTERS32 loads.
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
        // SYSENTER's entry expects the user's ESP in EBP. SYSEXIT leaves ESP in ECX and EIP in EDX.
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
        sysenter                        // EBP still equals ESP; the kernel returns to user_done
user_done:
        outb %al, $GATECRASH_PORT_DONE
        ud2

// Does the work of SYSENTER, whose Frame32 is in EAX.
        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        cmpl $OPEN_KERNEL_WINDOWS, GATECRASH_FRAME32_EAX(%eax)
        je 1f
        ret
1:      movl $user_done, GATECRASH_FRAME32_EIP(%eax)
        SAVE_CALLEE_SAVED32
        // SYSENTER cleared IF, but kernel code usually runs with interrupts on.
        sti
        WINDOW kernel_interrupt, int $GATECRASH_USER_IRQ
        WINDOW kernel_breakpoint, int3
        cli
        RESTORE_CALLEE_SAVED32
        ret
