/* Leaves out espfix: an IRET to a 16-bit stack segment leaks bits 16 to 31 of the kernel's RSP (I13). */
#define RESERVE_ESPFIX_STACK
#define GO_TO_LDT_STACK
#define RETURN_TO_LDT_STACK
#define FIX_FAULT_OF_ESPFIX
