// The entries of SYSENTER, #UD and #DB. The first instructions of SYSENTER's entry run at CPL 0 with the user's GS
// base. On a CPU that lacks SYSENTER in 64-bit mode, it raises #UD. #DB may arrive at any instruction of the other two.
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

// Skips the SYSENTER on a CPU that lacks it.
        .globl entry_ud
        .type entry_ud, @function
entry_ud:
        pushq $0
        ENTRY_PLAIN pass_over GATECRASH_VECTOR_UD

        .globl pass_over
        .type pass_over, @function
pass_over:
        pushq %rdi
        CALL_OUTSIDE event_body
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
