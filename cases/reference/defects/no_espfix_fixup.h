/* Does not recognise the espfix IRET in #DF: its fault, which is the user's, stops the kernel (I9). */
#define FIX_FAULT_OF_ESPFIX
