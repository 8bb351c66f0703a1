/* Runs the body of an exception on the entry stack if the exception arrived there (I4). */
#define SWITCH_TO_TASK_STACK STAY_ON_STACK
#ifdef __ASSEMBLER__
#include "offsets.h"
.macro STAY_ON_STACK leaves_sysenter_stack:req
.endm
#endif
#include "designs/frame_stays_on_entry_stack.h"
