// Takes an NMI from CPL 3 and one from CPL 0. Their bodies execute INT3, whose IRET unmasks NMIs.
#include "entry32.h"

        .section .user, "ax"
        .globl user_start, user_nmi, sysenter_landing, user_fault_landing
user_start:
        FILL_REGISTERS32
        outb %al, $GATECRASH_PORT_BEGIN_NMI
user_nmi:
        nop
        outb %al, $GATECRASH_PORT_END
        movl %esp, %ebp
        sysenter
sysenter_landing:
        outb %al, $GATECRASH_PORT_DONE
user_fault_landing:
        ud2

        .text
        .globl syscall_work, kernel_nmi, nmi_work, nmi_work_end
syscall_work:
        pushl %ebx
        outb %al, $GATECRASH_PORT_BEGIN_NMI
kernel_nmi:
        nop
        outb %al, $GATECRASH_PORT_END
        popl %ebx
        ret
nmi_work:
        int3
        nop
        ret
nmi_work_end:
