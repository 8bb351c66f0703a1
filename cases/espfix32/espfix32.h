/* What the workload asks SYSENTER for, in EAX. */
#include "entry32.h"

#define ESPFIX32_ABSENT_CODE_16_BIT_STACK 1 /* to code that is not there, with a stack segment of 16 bits */
#define ESPFIX32_ABSENT_CODE 2              /* the same with the user's own */
