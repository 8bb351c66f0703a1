// Executes INT, which stands for an interrupt of a device, at CPL 3 and at CPL 0.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_interrupt
user_interrupt:
        int $GATECRASH_USER_IRQ
        .globl user_after
user_after:
        nop
        outb %al, $GATECRASH_PORT_END
        syscall
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        SAVE_CALLEE_SAVED
        sti
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl kernel_interrupt
kernel_interrupt:
        int $GATECRASH_USER_IRQ
        .globl kernel_after
kernel_after:
        nop
        outb %al, $GATECRASH_PORT_END
        cli
        RESTORE_CALLEE_SAVED
        ret
