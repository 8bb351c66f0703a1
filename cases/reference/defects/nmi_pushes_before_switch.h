/* Pushes a second word before the NMI from CPL 3 leaves the NMI stack. */
#define PUSH_RDI_OF_USER pushq %rdi; pushq %rsi; popq %rsi
