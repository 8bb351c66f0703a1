// Sets the CPU up and starts the workload. The harness enters at `boot` in long mode at CPL 0, with the tables of
// gatecrash_abi loaded, interrupts off, and RSP at boot_stack (harness/vm/boot/boot_registers.cpp).
#include "entry.h"

        .text
        .globl boot
        .type boot, @function
boot:
        WRITE_MSR MSR_STAR, 0, (((GATECRASH_USER32_CS) << 16) | GATECRASH_KERNEL_CS)
        WRITE_MSR MSR_LSTAR, entry_syscall, 0xffffffff
        WRITE_MSR MSR_FMASK, (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC), 0
        // The SWAPGS of boot_to_user gives the user its own base. The next entry's SWAPGS gives the kernel per_cpu.
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

// Returns to user code for the first time. RSP is at the IRET frame. Entry code that needs more work here defines its
// own boot_to_user.
        .section .entry.text, "ax"
WEAK_ENTRY boot_to_user
        swapgs
        iretq
