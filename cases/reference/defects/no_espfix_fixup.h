/* Does not look for the espfix IRET in #DF: its fault, which is the user's, ends the kernel (I9). */
#define FIX_FAULT_OF_ESPFIX
