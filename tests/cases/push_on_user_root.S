// This kernel loads the user's page tables too early: its next push finds no stack, and the CPU cannot deliver the #PF
// either.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN
        syscall
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .section .entry.text, "ax"
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        movq %cr3, %rax
        orq $GATECRASH_USER_ROOT, %rax
        .globl load_user_root
load_user_root:
        movq %rax, %cr3
        .globl push_without_stack
push_without_stack:
        pushq %rax
        popq %rax
        ret
