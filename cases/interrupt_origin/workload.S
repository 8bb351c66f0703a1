// Runs user code, with a system call by INT 0x80 in guests that have those, and a SYSCALL in which interrupts are on.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        // A handler whose frame is off by one word takes RSP for RFLAGS. This RSP has TF clear, so that the harness can
        // step such a run.
        movl $(GATECRASH_USER_STACK + 0xe00), %esp
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_window
user_window:
        nop
#ifdef INT80_SYSCALLS
        int $GATECRASH_USER_IRQ
        .globl user_int80_back
user_int80_back:
        nop
#endif
#ifndef USER_CODE_ONLY
        .globl user_syscall
user_syscall:
        syscall
#endif
        .globl user_fault_landing
user_fault_landing:
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2
