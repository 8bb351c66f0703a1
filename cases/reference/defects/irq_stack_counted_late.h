/* Counts itself after it took the stack for interrupts: what comes in between takes it, too (I4). */
#define TAKE_IRQ_STACK \
        cmpl $-1, irq_count(%rip); \
        cmoveq irq_stack_top_address(%rip), %rsp; \
        pushq %rbp; \
        incl irq_count(%rip)
#include "designs/irq_stack.h"
