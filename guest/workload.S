// The workload of a guest that brings none of its own: each way into the kernel once, from CPL 3 and from CPL 0, in a
// window each. This is a member of the runtime's archive, which the linker takes only to resolve user_start: a guest
// that defines that, has none of this.
//
// Every general register holds a pattern, and at END all of them, flags, segments and GS bases are to be what they were
// at BEGIN (GATECRASH_PORT_BEGIN_ROUND_TRIP). So a register that gets lost without any event is a finding, too.
#include "entry.h"

// RAX of the SYSCALL that opens the windows at CPL 0; not the pattern that FILL_REGISTERS puts there.
#define OPEN_KERNEL_WINDOWS 0

.macro WINDOW name entry:vararg
        FILL_REGISTERS
        // What SYSCALL leaves there; to the other ways in, two values like all the rest.
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

// What SYSCALL does, with its Frame in RDI.
        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        cmpq $OPEN_KERNEL_WINDOWS, GATECRASH_FRAME_RAX(%rdi)
        je 1f
        ret
1:      SAVE_CALLEE_SAVED
        // FMASK cleared IF; a kernel that waits for nothing runs with interrupts on.
        sti
        WINDOW kernel_interrupt, int $GATECRASH_USER_IRQ
        WINDOW kernel_breakpoint, int3
        cli
        RESTORE_CALLEE_SAVED
        ret
