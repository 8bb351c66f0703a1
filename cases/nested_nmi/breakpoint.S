// Runs an NMI's body with a breakpoint on one of its instructions. The handler of the breakpoint sets RF, so that it
// triggers once. An INT3 earlier in the body has already unmasked NMIs.
#include "entry.h"

        .text
        .globl nmi_work
        .type nmi_work, @function
nmi_work:
        movl $0, reports
        int3
        .globl nmi_site, nmi_site_end
nmi_site:
        nop
nmi_site_end:
        ret

        .section .entry.text, "ax"
        .globl entry_db
        .type entry_db, @function
entry_db:
        pushq $0
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY event_body GATECRASH_VECTOR_DB
        orq $RFLAGS_RF, GATECRASH_FRAME_RFLAGS(%rsp)
        incl reports
        cmpl $1, reports
        je 1f
        movl $7, %edi                   // I7: the same arrival triggers a second time
        movl $GATECRASH_VECTOR_DB, %esi
        movq %rsp, %rdx
        movq GATECRASH_FRAME_RIP(%rsp), %rcx
        CALL_OUTSIDE log_broken
1:      EXIT_PARANOID_GS
        RESTORE_REGS
        iretq

        .section .data, "aw"
reports:
        .long 0
