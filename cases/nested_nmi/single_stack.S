// Implements the naive handler, which has one IST stack and no support for nesting.
#include "entry.h"

        .text
        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        pushq $0
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY event_body GATECRASH_VECTOR_NMI
        EXIT_PARANOID_GS
        RESTORE_REGS
        .globl nmi_iret
nmi_iret:
        iretq
