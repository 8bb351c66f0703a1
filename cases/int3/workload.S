// The workload of every int3 variant. It executes INT3 at each place where one may be, each in its own window. The
// kernel, the handler of #BP itself, and the NMI's body all execute text that is being patched (patching.hpp).
#include "entry.h"

.macro BEGIN name:req
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl \name
\name:
.endm

.macro END
        outb %al, $GATECRASH_PORT_END
.endm

// Defines a site of five bytes that begins with INT3. Its row in patched_sites says what #BP does for it. The alignment
// makes the address after the INT3 odd. A broken variant takes that address for SS, and gets a selector that is invalid
// at CPL 0.
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
        // A CALL pushes to RSP - 8. If RSP is 16 * n, that is where the CPU pushes SS. If it is 16 * n + 8, the CPU's
        // alignment leaves that word free.
        movq %rsp, %rax
        andq $-16, %rsp
        pushq %rax
        pushq %rax
        BEGIN kernel_call
        SITE call_site
        END
        popq %rsp

        // RDI becomes 2, and then 1 again. The flags stay those of the addition, since LEA does not change them.
        movl $1, %eax
        movl $1, %edi
        addl %eax, %edi
        leal -1(%rdi), %edi
        BEGIN kernel_restored
        // Three bytes: INT 3, an ADD of EAX to EDI that starts with its second byte, and a CLC in the last byte. #BP
        // arrives with RIP one byte after the start of the ADD, as if that had just replaced an INT3.
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

// Does the work of the bodies of exceptions. The body of #BP executes text that is being patched. #GP and #PF are
// unexpected, and end the run.
        .globl exception_work
        .type exception_work, @function
exception_work:
        cmpl $GATECRASH_VECTOR_GP, %esi
        je fatal_body
        cmpl $GATECRASH_VECTOR_PF, %esi
        je fatal_body
        cmpl $GATECRASH_VECTOR_BP, %esi
        jne 1f
        // One variant repeats this until no stack is left. The alignment and the two pushes make a push fail then, not
        // the delivery of the INT3. After a failed delivery, the RIP of the #DF would depend on the CPU.
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
