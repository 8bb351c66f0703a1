// Calls a function that enters the kernel by SYSCALL and by an interrupt. Its RET shows whether the user's SSP came back.
// The system call takes a breakpoint and an interrupt, and reads user memory that is not there.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN
        call user_function
        .globl user_returned
user_returned:
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2
        .globl user_function
user_function:
        syscall
        .globl user_after_syscall
user_after_syscall:
        int $GATECRASH_USER_IRQ
        ret
        .globl user_end
user_end:

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        int3
        sti
        int $GATECRASH_USER_IRQ
        .globl user_access
user_access:
        movb 0x700000, %al
        .globl user_access_failed
user_access_failed:
        ret
