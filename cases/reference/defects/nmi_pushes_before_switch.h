/* Pushes a second register before the switch to the task stack. The push goes to the word in which the next NMI checks
 * whether an NMI is executing. */
#define PUSH_RDI_OF_USER pushq %rdi; pushq %rsi; popq %rsi
