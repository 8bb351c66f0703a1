/* Gives #BP the IST stack of #DB: a second #BP overwrites the frame of the first. */
#define IST_OF_BP GATECRASH_IST_DB
#define GAP_TO_INTERRUPTED_STACK
#define EXCEPTION_OF_BP EXCEPTION_ANYWHERE
