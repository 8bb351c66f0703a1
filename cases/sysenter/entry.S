// SYSENTER's entry, whose first instructions run at CPL 0 with the user's GS base; #UD, which is what SYSENTER is on a
// CPU without it in 64-bit mode; and #DB, which may come at any of their instructions.
#include "entry.h"

        .text
        .globl entry_sysenter
        .type entry_sysenter, @function
entry_sysenter:
        swapgs
        pushq $GATECRASH_USER_SS
        pushq %rcx
        pushq %r11
        pushq $GATECRASH_USER_CS
        pushq %rdx
        pushq $0
        SAVE_REGS
        EXIT_BY_SYSRET

// A kernel that finds no SYSENTER goes on behind it.
        .globl entry_ud
        .type entry_ud, @function
entry_ud:
        pushq $0
        ENTRY_PLAIN pass_over GATECRASH_VECTOR_UD

        .globl pass_over
        .type pass_over, @function
pass_over:
        pushq %rdi
        call event_body
        popq %rdi
        addq $2, GATECRASH_FRAME_RIP(%rdi)
        ret

        .globl entry_db
        .type entry_db, @function
entry_db:
        pushq $0
#ifdef DB_JUDGES_BY_CS
        ENTRY_PLAIN event_body GATECRASH_VECTOR_DB
#else
        ENTRY_PARANOID event_body GATECRASH_VECTOR_DB
#endif
