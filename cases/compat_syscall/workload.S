// The workload has one window: a SYSCALL from 32-bit code at CPL 3.
//
// Switch:
//   CSTAR_STUB    the kernel points CSTAR to its stub; without the switch CSTAR stays 0, its value after a reset
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        syscall                         // sets CSTAR up
        FILL_REGISTERS
        pushq $GATECRASH_USER32_CS
        pushq $user_32_bit
        lretq

        .code32
        .globl user_32_bit
user_32_bit:
        incl %ecx                       // would be a prefix of the next instruction in 64-bit code
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_syscall, user_back
user_syscall:
        syscall
user_back:
        incl %ecx
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2
        .code64

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
#ifdef CSTAR_STUB
        movl $MSR_CSTAR, %ecx
        leaq entry_syscall32(%rip), %rax
        movq %rax, %rdx
        shrq $32, %rdx
        wrmsr
#endif
        ret
