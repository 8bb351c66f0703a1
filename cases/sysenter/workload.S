// The workload has one window: a SYSENTER from 64-bit code at CPL 3. SYSENTER saves nothing, so by convention user code
// passes the stack to return to in RCX, the instruction in RDX, and the flags in R11.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        syscall                         // sets SYSENTER up
        FILL_REGISTERS
        leaq user_back(%rip), %rdx
        movq %rsp, %rcx
        pushfq
        popq %r11
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_sysenter, user_back
user_sysenter:
        sysenter
user_back:
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        movl $MSR_SYSENTER_CS, %ecx
        movl $GATECRASH_KERNEL_CS, %eax
        xorl %edx, %edx
        wrmsr
        movl $MSR_SYSENTER_ESP, %ecx
        movq per_cpu(%rip), %rax        // the stack that SYSCALL switches to
        movq %rax, %rdx
        shrq $32, %rdx
        wrmsr
        movl $MSR_SYSENTER_EIP, %ecx
        leaq entry_sysenter(%rip), %rax
        movq %rax, %rdx
        shrq $32, %rdx
        wrmsr
        ret
