// The workload of every nested-nmi variant. It has two windows, each opened by an NMI: one interrupts CPL 3, and one
// interrupts CPL 0. Every general register holds a pattern of its own from before the NMI until END.
#include "entry.h"

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

// SYSCALL opens the second window, which is kernel code on the task stack.
        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        SAVE_CALLEE_SAVED
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_NMI
        .globl kernel_window
kernel_window:
        nop
        nop
        outb %al, $GATECRASH_PORT_END
        RESTORE_CALLEE_SAVED
        ret
