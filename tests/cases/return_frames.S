// The guest of return_frames_test.cpp, which stops it at syscall_exit, and writes a return frame there and user code to
// generated_code. A fault in user code, or on the way to it, ends at user_fault_landing.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        outb %al, $GATECRASH_PORT_BEGIN
        syscall
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .globl user_fault_landing
user_fault_landing:
        outb %al, $GATECRASH_PORT_END
        ud2

        .balign 64
        .globl generated_code
generated_code:
        .fill 256
        outb %al, $GATECRASH_PORT_END
        ud2
