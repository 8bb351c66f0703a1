/* Leaves out the gap below the interrupted stack: what #BP pushes there overwrites its own frame. */
#define GAP_TO_INTERRUPTED_STACK
