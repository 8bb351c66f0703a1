// Enters the kernel twice in one window, so that the second entry notices what the exit of the first one left wrong.
#include "entry32.h"

        .section .user, "ax"
        .globl user_start, user_sysenter, sysenter_landing
        .type user_start, @function
user_start:
        FILL_REGISTERS32
        movl %esp, %ebp
        movl %esp, %ecx
        movl $sysenter_landing, %edx
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
user_sysenter:
        sysenter
sysenter_landing:
        int3
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2
