// Kernel code that does nothing: what enters from there is an event of the schedule, and stays on its IST stack.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        syscall
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        SAVE_CALLEE_SAVED
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl kernel_window
kernel_window:
        nop
        outb %al, $GATECRASH_PORT_END
        RESTORE_CALLEE_SAVED
        ret
