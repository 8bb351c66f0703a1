// From the harness to the workload. The harness has put the CPU into long mode at CPL 0 with the tables of
// gatecrash_abi loaded, interrupts off, and RSP at boot_stack (see harness/machine/boot.cpp).
#include "entry.h"

.macro WRITE_MSR msr low high
        movl $\msr, %ecx
        movq $(\low), %rax
        movl $(\high), %edx
        wrmsr
.endm

        .text
        .globl boot
        .type boot, @function
boot:
        WRITE_MSR MSR_STAR, 0, (((GATECRASH_USER32_CS) << 16) | GATECRASH_KERNEL_CS)
        WRITE_MSR MSR_LSTAR, entry_syscall, 0xffffffff
        WRITE_MSR MSR_FMASK, (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC), 0
        // SWAPGS then gives the user its own base, and the kernel its per-CPU data at the next entry.
        WRITE_MSR MSR_GS_BASE, per_cpu, 0xffffffff
        WRITE_MSR MSR_KERNEL_GS_BASE, 0x7654000, 0
        movl $GATECRASH_LDT, %eax
        lldt %ax
        movl $GATECRASH_USER_SS, %eax
        movl %eax, %ds
        movl %eax, %es
        pushq $GATECRASH_USER_SS
        pushq $user_stack_top
        pushq $(RFLAGS_IF | 2)
        pushq $GATECRASH_USER_CS
        pushq $user_start
        jmp boot_to_user

// The first return to user code, with its IRET frame at RSP. Entry code that has more to do then defines its own.
        .section .entry.text, "ax"
WEAK_ENTRY boot_to_user
        swapgs
        iretq
