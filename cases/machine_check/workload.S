// Code that does nothing: what enters from there is an event of the schedule. From the kernel it stays on its IST stack.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
#ifdef FROM_USER
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_window
user_window:
        nop
        outb %al, $GATECRASH_PORT_END
        .globl user_window_end
user_window_end:
#else
        syscall
#endif
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
