/* Switches to the interrupt stack without counting: a nested interrupt starts at its top again (I4). */
#define TAKE_IRQ_STACK movq irq_stack_top_address(%rip), %rsp; pushq %rbp
#define GIVE_IRQ_STACK_BACK
#include "designs/irq_stack.h"
