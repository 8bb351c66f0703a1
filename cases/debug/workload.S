// The workload of the debug variants. It has a window for each way to get a #DB, and for each kind of code that a #DB
// may interrupt.
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
        // A SYSCALL makes the kernel read two words from the user's stack.
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

        // An NMI arrives, whose body executes INT3.
        FILL_REGISTERS
        BEGIN user_nmi, GATECRASH_PORT_BEGIN_NMI
        nop
        END

        // INT 1 raises #GP if its gate has DPL 0. With DPL 3 it models INT1. This must not be the first window that
        // uses the IDT. If the IDT's page is missing in the host's tables, KVM injects INT 1 again with RIP after it.
        // The #GP then has that RIP.
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

// Raises a #DB at CPL 0 without an event of the schedule. The CPU delivers INT 1 like any #DB, but sets no bit of DR6.
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

// The kernel refuses a breakpoint on the INT itself: if RF were set, the pushed flags would depend on whether the
// harness steps the guest.
        .section .noinstr.text, "ax"
        .globl raise_db, kernel_int1_back
        .type raise_db, @function
raise_db:
        int $GATECRASH_VECTOR_DB
kernel_int1_back:
        ret

        .text
// Executes text that is being patched (patching.hpp): an INT3 for which #BP has nothing else to do. The IRET of that
// #BP unmasks NMIs.
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
