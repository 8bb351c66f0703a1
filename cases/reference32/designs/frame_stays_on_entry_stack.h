/* Leaves the frame of an exception on the entry stack where it is. */
#define FRAME_STAYS_ON_ENTRY_STACK
