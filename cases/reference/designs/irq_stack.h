/* Runs the bodies of interrupts on a stack of their own. */
#define IRQ_STACK
