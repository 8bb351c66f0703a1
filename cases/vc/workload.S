// Executes a system call that raises #VC. The body of each NMI raises #VC as well.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_syscall
user_syscall:
        syscall
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
        .globl syscall_work, nmi_work
        .type syscall_work, @function
        .type nmi_work, @function
syscall_work:
        int $GATECRASH_VECTOR_VC
        ret
nmi_work:
        int $GATECRASH_VECTOR_VC
        ret
