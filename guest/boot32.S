// Sets the CPU up and starts the workload. The harness enters at `boot` at CPL 0, in protected mode with PAE paging.
// The tables of gatecrash_abi are loaded, segments are flat, interrupts are off, and ESP is at boot_stack.
#include "entry32.h"

.macro WRITE_MSR msr low
        movl $\msr, %ecx
        movl $\low, %eax
        xorl %edx, %edx
        wrmsr
.endm

        .text
        .globl boot
        .type boot, @function
boot:
        WRITE_MSR MSR_SYSENTER_CS, GATECRASH_KERNEL_CS
        WRITE_MSR MSR_SYSENTER_ESP, sysenter_esp
        WRITE_MSR MSR_SYSENTER_EIP, entry_sysenter
        movl $GATECRASH_LDT, %eax
        lldt %ax
        pushl $GATECRASH_USER_SS
        pushl $user_stack_top
        pushl $(RFLAGS_IF | 2)
        pushl $GATECRASH_USER32_CS
        pushl $user_start
        // The kernel does not use the user's FS and GS selectors, so the checks at END notice if either gets lost.
        movl $GATECRASH_USER_SS, %eax
        movl %eax, %ds
        movl %eax, %es
        movl $GATECRASH_LDT_DATA, %eax
        movl %eax, %gs
        movl %eax, %fs
        jmp boot_to_user

// Returns to user code for the first time. ESP is at the IRET frame. Entry code that needs more work here defines its
// own boot_to_user.
        .section .entry.text, "ax"
WEAK_ENTRY boot_to_user
        iretl
