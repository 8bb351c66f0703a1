/* Leaves #MC from CPL 3 on its IST stack, which the next one overwrites (I4). */
#define stays_on_ist_stack(vector) (vector == GATECRASH_VECTOR_MC)
#define ENTER_MC_FROM_USER ENTER_FROM_USER_ON_SAME_STACK
#ifdef __ASSEMBLER__
#include "offsets.h"
.macro ENTER_FROM_USER_ON_SAME_STACK
        swapgs
        pushq %rdi
        TO_KERNEL_CR3 %rdi
        SAVE_REGS_BUT_RDI
        CLEAR_FLAGS
.endm
#endif
