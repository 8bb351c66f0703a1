/* Pushes a second register before the switch to the task stack. It lies where the next NMI looks whether one is
 * executing. */
#define PUSH_RDI_OF_USER pushq %rdi; pushq %rsi; popq %rsi
