/* Returns from a call with an unknown number without exit work (I14). */
#define refuse_call(frame)       \
    frame->eax = no_such_call;   \
    interrupts_off();            \
    return
#include "designs/audited_calls.h"
