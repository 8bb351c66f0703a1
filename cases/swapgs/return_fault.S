// Makes a return fault because the frame's code segment is not present (reference/workload.cpp). All registers must be
// the same after it.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        leaq user_bad_return_back(%rip), %rcx
        pushfq
        popq %r11
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_bad_return, user_bad_return_back
user_bad_return:
        syscall
user_bad_return_back:
        ud2
        .globl user_fault_landing
user_fault_landing:
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2
