// The workload of the debug variants: a window for each way to come by a #DB, and for what may go on meanwhile.
#include "entry.h"
#include "work.h"

.macro BEGIN name:req port=GATECRASH_PORT_BEGIN_ROUND_TRIP
        outb %al, $\port
        .globl \name
\name:
.endm

.macro END
        outb %al, $GATECRASH_PORT_END
.endm

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        // SYSCALL, for which the kernel reads what is on the user's stack.
        FILL_REGISTERS
        pushq %rbx
        pushq %rdx
        movl $WORK_COPY, %eax
        leaq user_copy_back(%rip), %rcx
        pushfq
        popq %r11
        BEGIN user_copy
        nop
        syscall
        .globl user_copy_back
user_copy_back:
        nop
        END

        // An NMI, whose body executes INT3.
        FILL_REGISTERS
        BEGIN user_nmi, GATECRASH_PORT_BEGIN_NMI
        nop
        END

        // INT 1. With DPL 0 in its gate that is #GP; with DPL 3 it stands for INT1.
        // Not the first window that uses the IDT: should the CPU find its page missing in the host's tables in front of
        // the #GP, KVM injects INT 1 anew, with RIP behind it, and that is what the #GP then has.
        BEGIN user_int1, GATECRASH_PORT_BEGIN
        int $GATECRASH_VECTOR_DB
        .globl user_int1_back
user_int1_back:
        movl $WORK_REPORT, %eax
        syscall
        .globl user_fault_landing
user_fault_landing:
        END

        movl $WORK_WINDOWS, %eax
        syscall
        outb %al, $GATECRASH_PORT_DONE
        ud2

// A #DB at CPL 0 that takes no event: INT 1 is delivered as any #DB is, and sets no bit of DR6.
        .text
        .globl kernel_windows
        .type kernel_windows, @function
kernel_windows:
        SAVE_CALLEE_SAVED
        FILL_REGISTERS
        BEGIN kernel_int1
        nop
        movb $1, int1_is_next(%rip)
        call raise_db
        END
        RESTORE_CALLEE_SAVED
        ret

// No breakpoint hits the INT itself: with RF set, what it pushes depends on whether the guest is stepped.
        .section .noinstr.text, "ax"
        .globl raise_db, kernel_int1_back
        .type raise_db, @function
raise_db:
        int $GATECRASH_VECTOR_DB
kernel_int1_back:
        ret

        .text
// Text that is being patched (patching.hpp): an INT3, and nothing else is to be done. Its IRET unmasks NMIs.
        .globl nmi_work
        .type nmi_work, @function
nmi_work:
        .globl nmi_site
nmi_site:
        int3
        .fill 4, 1, 0x90
        ret

        .section .rodata
        .globl patched_sites, patched_sites_end
        .balign 8
patched_sites:
        .quad nmi_site, 0
patched_sites_end:

        .data
        .globl int1_is_next
int1_is_next:
        .byte 0
