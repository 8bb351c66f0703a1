// Lets NMIs from CPL 3 make unusual returns: to a 16-bit stack segment, and to a code segment that has disappeared. The
// NMI's body may take a breakpoint, so that NMIs are unmasked on the way out.
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
#ifndef ONLY_FROM_64_BIT
        // This SYSCALL returns to 32-bit code with a 16-bit stack segment.
        FILL_REGISTERS
        movq %rsp, %r14
        syscall
        .code32
        .globl user_ss16
user_ss16:
        outb %al, $GATECRASH_PORT_BEGIN_NMI
        .globl user_ss16_window
user_ss16_window:
        nop
        outb %al, $GATECRASH_PORT_END
        ljmp $GATECRASH_USER_CS, $1f
        .code64
1:      movl $GATECRASH_USER_SS, %eax
        movl %eax, %ss
        movq %r14, %rsp
#endif
#ifndef ONLY_ESPFIX
        // The segment of this code has disappeared when the NMI's body ends. The fault of that return continues below.
        FILL_REGISTERS
        movl $1, %esi                   // looks like the mark that an NMI is executing
        leaq user_window(%rip), %rcx    // RCX and R11 fit SYSRET
        pushfq
        popq %r11
        outb %al, $GATECRASH_PORT_BEGIN_NMI
        .globl user_window
user_window:
        nop
#endif
        .globl user_fault_landing
user_fault_landing:
#ifndef ONLY_ESPFIX
        outb %al, $GATECRASH_PORT_END
#endif
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        movq $GATECRASH_USER32_CS, GATECRASH_FRAME_CS(%rdi)
        movq $GATECRASH_LDT_DATA16, GATECRASH_FRAME_SS(%rdi)
        ret

        .globl nmi_work
        .type nmi_work, @function
nmi_work:
#ifndef BODY_KEEPS_NMIS_MASKED
        int3
#endif
        ret
        .globl nmi_work_end
nmi_work_end:
