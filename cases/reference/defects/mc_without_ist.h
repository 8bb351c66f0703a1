/* Gives #MC no IST stack: the CPU pushes its frame on the current stack, whichever that is. */
#define IST_OF_MC 0
