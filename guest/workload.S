// The default workload. It uses each way into the kernel once from CPL 3, and the gates once more from CPL 0, each in
// its own window. The linker takes this member of the archive only to resolve user_start, so a guest that defines
// user_start does not get it.
//
// Every general register holds a pattern. At END all registers, flags, segments and GS bases must equal their values at
// BEGIN (GATECRASH_PORT_BEGIN_ROUND_TRIP). So a register that gets lost without any event is a finding as well.
#include "entry.h"

// RAX of the SYSCALL that opens the windows at CPL 0. It differs from the pattern that FILL_REGISTERS loads.
#define OPEN_KERNEL_WINDOWS 0

.macro WINDOW name entry:vararg
        FILL_REGISTERS
        // SYSCALL overwrites RCX and R11 with RIP and RFLAGS, so they hold these values before it. For the other ways
        // into the kernel they are values like any others.
        leaq \name\()_back(%rip), %rcx
        pushfq
        popq %r11
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
        WINDOW user_syscall, syscall
        WINDOW user_interrupt, int $GATECRASH_USER_IRQ
        WINDOW user_breakpoint, int3
        movl $OPEN_KERNEL_WINDOWS, %eax
        syscall
        outb %al, $GATECRASH_PORT_DONE
        ud2

// Does the work of SYSCALL, whose Frame is in RDI.
        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        cmpq $OPEN_KERNEL_WINDOWS, GATECRASH_FRAME_RAX(%rdi)
        je 1f
        ret
1:      SAVE_CALLEE_SAVED
        // FMASK cleared IF, but kernel code usually runs with interrupts on.
        sti
        WINDOW kernel_interrupt, int $GATECRASH_USER_IRQ
        WINDOW kernel_breakpoint, int3
        cli
        RESTORE_CALLEE_SAVED
        ret
