// The workload of every nested-nmi variant: two windows, each opened by an NMI, one that interrupts CPL 3 and one that
// interrupts CPL 0. Every general register holds a pattern of its own from before the NMI until END.
#include "entry.h"

.macro FILL_REGISTERS
        movabsq $0xa0a1a2a3a4a5a6a7, %rax
        movabsq $0xb0b1b2b3b4b5b6b7, %rbx
        movabsq $0xc0c1c2c3c4c5c6c7, %rcx
        movabsq $0xd0d1d2d3d4d5d6d7, %rdx
        movabsq $0xe0e1e2e3e4e5e6e7, %rsi
        movabsq $0xf0f1f2f3f4f5f6f7, %rdi
        movabsq $0x1011121314151617, %rbp
        movabsq $0x8081828384858687, %r8
        movabsq $0x9091929394959697, %r9
        movabsq $0x0a0b0c0d0e0f0a0b, %r10
        movabsq $0x1a1b1c1d1e1f1a1b, %r11
        movabsq $0x2a2b2c2d2e2f2a2b, %r12
        movabsq $0x3a3b3c3d3e3f3a3b, %r13
        movabsq $0x4a4b4c4d4e4f4a4b, %r14
        movabsq $0x5a5b5c5d5e5f5a5b, %r15
.endm

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_NMI
        .globl user_window
user_window:
        nop
        nop
        outb %al, $GATECRASH_PORT_END
        syscall
        outb %al, $GATECRASH_PORT_DONE
        ud2

// SYSCALL brings the second window: kernel code on the task stack.
        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        pushq %rbx
        pushq %rbp
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_NMI
        .globl kernel_window
kernel_window:
        nop
        nop
        outb %al, $GATECRASH_PORT_END
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbp
        popq %rbx
        ret
