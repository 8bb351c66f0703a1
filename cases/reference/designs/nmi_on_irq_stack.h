/* Runs the bodies of NMIs on the stack for interrupts, too. */
#define NMI_ON_IRQ_STACK
