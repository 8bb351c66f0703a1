// Raises a #DB at CPL 0 without an event of the schedule. The CPU delivers INT 1 like any #DB, but sets no bit of DR6.
// Before INT 1, the workload asks for a reschedule, which the exit of the #DB must not do.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        syscall
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        SAVE_CALLEE_SAVED
        movq $1, exit_work
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        call raise_db
        outb %al, $GATECRASH_PORT_END
        RESTORE_CALLEE_SAVED
        ret

        .globl nmi_work
        .type nmi_work, @function
nmi_work:
        nop
        ret
        .globl nmi_work_end
nmi_work_end:

// The kernel refuses a breakpoint on the INT itself: if RF were set, the pushed flags would depend on whether the
// harness steps the guest.
        .section .noinstr.text, "ax"
        .globl raise_db
        .type raise_db, @function
raise_db:
        int $GATECRASH_VECTOR_DB
        ret
