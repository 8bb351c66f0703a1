/* Tells by EIP whether SYSENTER's own stack is in use: a #DB on its first instruction may come later. */
#define TEST_ON_SYSENTER_STACK \
        movl GATECRASH_FRAME32_EIP(%esp), %ecx; \
        subl $entry_sysenter, %ecx; \
        cmpl $1, %ecx
#include "designs/sysenter_stack.h"
