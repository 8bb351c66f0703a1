/* Tests all of EBX although only BL holds the flag: the other bits still belong to the interrupted context. */
#define TEST_GS_FLAG testl %ebx, %ebx
#include "designs/flag_in_bl.h"
