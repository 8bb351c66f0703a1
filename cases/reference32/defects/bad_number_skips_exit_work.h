/* Returns from a call whose number is bad without the work of the exit (I14). */
#define refuse_call(frame)       \
    frame->eax = no_such_call;   \
    interrupts_off();            \
    return
#include "designs/audited_calls.h"
