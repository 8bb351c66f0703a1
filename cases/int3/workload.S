// The workload of every int3 variant: INT3 where it may be, a window each. Text that is being patched (patching.hpp) is
// executed by the kernel, by #BP's own handler, and by the NMI's.
#include "entry.h"

.macro BEGIN name:req
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl \name
\name:
.endm

.macro END
        outb %al, $GATECRASH_PORT_END
.endm

// Five bytes that begin with INT3. What it is to do is in patched_sites. Aligned, so that the address behind it is odd:
// as SS that is none that goes with CPL 0.
.macro SITE name:req
        .balign 4
        .globl \name
\name:
        int3
        .fill 4, 1, 0x90
.endm

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        BEGIN user_breakpoint
        int3
        END
        BEGIN user_interrupt
        int $GATECRASH_USER_IRQ
        END
        syscall
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_NMI
        .globl user_nmi
user_nmi:
        nop
        nop
        END
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        SAVE_CALLEE_SAVED
        FILL_REGISTERS
        BEGIN kernel_breakpoint
        int3
        END
        BEGIN kernel_nothing
        SITE nothing_site
        END
        // A CALL pushes to RSP - 8. With RSP at 16 * n the CPU pushes SS there; at 16 * n + 8 it leaves that word out.
        movq %rsp, %rax
        andq $-16, %rsp
        pushq %rax
        pushq %rax
        BEGIN kernel_call
        SITE call_site
        END
        popq %rsp

        // RDI becomes 2, and 1 again; the flags are those of the addition all the time.
        movl $1, %eax
        movl $1, %edi
        addl %eax, %edi
        leal -1(%rdi), %edi
        BEGIN kernel_restored
        // INT 3, and ADD EAX to EDI that begins with its second byte, and CLC that is the last: #BP arrives with RIP one
        // byte behind an ADD, as if that had just been put in place of an INT3.
        .byte 0xcd
        .globl restored_site
restored_site:
        .byte 0x03, 0xf8
        leal -1(%rdi), %edi
        END

        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_NMI
        .globl kernel_nmi
kernel_nmi:
        nop
        nop
        END
        RESTORE_CALLEE_SAVED
        ret

        .globl called
        .type called, @function
called:
        ret

// What the bodies of exceptions do: that of #BP executes text that is being patched. No fault is expected here.
        .globl exception_work
        .type exception_work, @function
exception_work:
        cmpl $GATECRASH_VECTOR_GP, %esi
        je fatal_body
        cmpl $GATECRASH_VECTOR_PF, %esi
        je fatal_body
        cmpl $GATECRASH_VECTOR_BP, %esi
        jne 1f
        // Aligned, with two words pushed: in the variant that does this without end it is a push that finds no stack left,
        // and not the delivery of the INT3, which leaves it to the CPU what RIP its #DF has.
        pushq %rbp
        movq %rsp, %rbp
        andq $-64, %rsp
        pushq $0
        pushq $0
        SITE work_site
        leave
1:      ret

        .globl nmi_work
        .type nmi_work, @function
nmi_work:
        SITE nmi_site
        ret

        .section .rodata
        .globl patched_sites, patched_sites_end
        .balign 8
patched_sites:
        .quad nothing_site, 0
        .quad call_site, called
        .quad work_site, 0
        .quad nmi_site, 0
patched_sites_end:
