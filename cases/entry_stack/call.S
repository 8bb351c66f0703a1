// Executes an INT3 in the kernel that stands for a CALL, like the INT3 of a tracer that is patching text.
#include "entry32.h"

        .section .user, "ax"
        .globl user_start, sysenter_landing
        .type user_start, @function
user_start:
        movl %esp, %ebp
        sysenter
sysenter_landing:
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
// A broken variant takes the return address for EFLAGS. The alignment keeps TF and NT clear in that address, and the
// word after it is 0.
        .balign GATECRASH_PAGE
        .globl syscall_work, kernel_call, kernel_call_back, callee
        .type syscall_work, @function
syscall_work:
        SAVE_CALLEE_SAVED32
        pushl $0
        FILL_REGISTERS32
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
kernel_call:
        int3
kernel_call_back:
        outb %al, $GATECRASH_PORT_END
        addl $4, %esp
        RESTORE_CALLEE_SAVED32
        ret

        .type callee, @function
callee:
        ret
