/* Leaves out the gap below the interrupted stack: the push of an emulated CALL overwrites the frame of #BP. */
#define GAP_TO_INTERRUPTED_STACK
