/* Takes the stack for interrupts without counting: a nested one begins at its top again (I4). */
#define TAKE_IRQ_STACK movq irq_stack_top_address(%rip), %rsp; pushq %rbp
#define GIVE_IRQ_STACK_BACK
#include "designs/irq_stack.h"
