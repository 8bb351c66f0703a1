// Runs code for ticks to interrupt, at CPL 3 and at CPL 0. It raises no tick itself, since a local APIC does not have
// the vector of INT n in service.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_site
user_site:
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
        .globl kernel_site
kernel_site:
        nop
        outb %al, $GATECRASH_PORT_END
        cli
        RESTORE_CALLEE_SAVED
        ret
