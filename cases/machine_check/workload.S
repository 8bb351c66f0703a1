// Runs code that does nothing, so that every entry comes from an event of the schedule. The window is at CPL 3 with
// FROM_USER, else at CPL 0, where a machine check stays on its IST stack.
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
