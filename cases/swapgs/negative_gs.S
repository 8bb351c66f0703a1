// Runs user code whose GS base looks like a kernel's, since WRGSBASE lets it choose any canonical address. It enters by
// SYSCALL with a negative base, and through a gate with an address where kernels have their per-CPU data.
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
