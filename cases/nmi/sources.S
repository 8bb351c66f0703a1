// Two devices have raised an NMI each before the window begins, and one NMI arrives for both: the CPU latches one. A
// system call at the end looks whether both were served.
#include "entry.h"

        .section .user, "ax"
        .globl user_start, user_raised
        .type user_start, @function
user_start:
        syscall
user_raised:
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_NMI
        .globl user_window
user_window:
        nop
        syscall
        outb %al, $GATECRASH_PORT_END
        .globl user_window_end
user_window_end:
        outb %al, $GATECRASH_PORT_DONE
        ud2
