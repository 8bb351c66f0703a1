// A #DB at CPL 0 that takes no event: INT 1 is delivered as any #DB is, and sets no bit of DR6. A reschedule was asked
// for before, which is no business of its exit's.
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

// No breakpoint hits the INT itself: with RF set, what it pushes depends on whether the guest is stepped.
        .section .noinstr.text, "ax"
        .globl raise_db
        .type raise_db, @function
raise_db:
        int $GATECRASH_VECTOR_DB
        ret
