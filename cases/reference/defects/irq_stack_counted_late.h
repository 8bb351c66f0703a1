/* Counts a handler only after it switched to the interrupt stack: an event between the two takes the stack as well
 * (I4). */
#define TAKE_IRQ_STACK \
        cmpl $-1, irq_count(%rip); \
        cmoveq irq_stack_top_address(%rip), %rsp; \
        pushq %rbp; \
        incl irq_count(%rip)
#include "designs/irq_stack.h"
