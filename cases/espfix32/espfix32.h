/* The workload's requests to SYSENTER, in EAX. */
#include "entry32.h"

#define ESPFIX32_ABSENT_CODE_16_BIT_STACK 1 /* return to an absent code segment with a 16-bit stack */
#define ESPFIX32_ABSENT_CODE 2              /* return to an absent code segment with the user's stack */
