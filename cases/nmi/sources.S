// Before the window begins, two devices have each raised an NMI, of which the CPU latches one. So one NMI arrives for
// both. A system call at the end checks that the NMI's body served both devices.
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
