// Executes a breakpoint in virtual-8086 code. CS is a paragraph number there; here its two lowest bits are clear, so it
// looks like CPL 0.
#include "entry32.h"

        .section .user, "ax"
        .globl user_start, user_fault_landing, sysenter_landing
        .type user_start, @function
user_start:
        movl %esp, %ebp
        sysenter
sysenter_landing:
        ud2
// Virtual-8086 code may not execute HLT; its fault continues here.
user_fault_landing:
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .section .user_vm86, "ax"
        .code16
vm86_start:
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_vm86, user_vm86_back
user_vm86:
        int3
user_vm86_back:
        outb %al, $GATECRASH_PORT_END
        hlt
        .code32

        .text
// Builds a frame of virtual-8086 code at the top of the task stack, and returns to it. Does not return to its caller.
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        cli
        movl $task_stack_top, %esp
        pushl $0                        // GS
        pushl $0                        // FS
        pushl $0                        // DS
        pushl $0                        // ES
        pushl $0                        // SS
        pushl $(GATECRASH_VM86_TEXT + GATECRASH_PAGE)
        pushl $(RFLAGS_VM | RFLAGS_IF | 2)
        pushl $0
        pushl $vm86_start
        pushl $0
        pushl $GATECRASH_VECTOR_GP
        pushl $0
        pushl $0
        pushl $0
        pushl $0
        FILL_REGISTERS32
        pushal
        jmp return_to_user
