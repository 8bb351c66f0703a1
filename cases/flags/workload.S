// Enters through a gate with DF and AC set, and then executes a SYSCALL for which the kernel reads a word of user
// memory.
#include "addresses.h"
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        pushq $(RFLAGS_IF | RFLAGS_DF | RFLAGS_AC | 2)
        popfq
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_interrupt
user_interrupt:
        int $GATECRASH_USER_IRQ
        outb %al, $GATECRASH_PORT_END
        pushq $(RFLAGS_IF | 2)
        popfq

        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_syscall
user_syscall:
        syscall
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
#ifdef WITH_SMAP
        stac
#endif
        .globl syscall_reads_user
syscall_reads_user:
        movq REFERENCE_TRACED, %rax
#ifdef WITH_SMAP
        clac
        .globl syscall_has_read
syscall_has_read:
#endif
        ret
