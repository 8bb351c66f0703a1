/* Tests all of EBX where only BL has the flag: its other bits still are the interrupted context's. */
#define TEST_GS_FLAG testl %ebx, %ebx
#include "designs/flag_in_bl.h"
