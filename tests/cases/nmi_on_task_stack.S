// The entry of this NMI assumes that the task stack is free, even if it interrupted the kernel there. It returns
// through its own frame.
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
        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        movq %rsp, nmi_rsp
        movq $task_stack_top, %rsp
        .globl push_on_live_stack
push_on_live_stack:
        .rept 5
        pushq $0x5a
        .endr
        movq nmi_rsp, %rsp
        pushq $0
        ENTRY_PARANOID event_body GATECRASH_VECTOR_NMI

        .section .data, "aw"
        .balign 8
nmi_rsp:
        .quad 0
