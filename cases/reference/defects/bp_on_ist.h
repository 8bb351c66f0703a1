/* Makes #BP use the IST stack of #DB: the second exception overwrites the frame of the first (I4). */
#define IST_OF_BP GATECRASH_IST_DB
#define GAP_TO_INTERRUPTED_STACK
#define EXCEPTION_OF_BP EXCEPTION_ANYWHERE
