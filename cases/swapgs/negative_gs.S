// User code whose GS base looks like a kernel's, as WRGSBASE lets it choose any canonical number: one that is negative,
// and one where kernels have their per-CPU data. A way in by SYSCALL, and one through a gate.
#include "entry.h"

        .section .user, "ax"
.macro WINDOW name:req base:req entry:vararg
        movabsq $\base, %rax
        wrgsbase %rax
        FILL_REGISTERS
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

        .globl user_start
        .type user_start, @function
user_start:
        WINDOW user_negative_gs, -0x1000, syscall
        WINDOW user_kernels_gs, 0xffff888000000000, int $GATECRASH_USER_IRQ
        outb %al, $GATECRASH_PORT_DONE
        ud2
