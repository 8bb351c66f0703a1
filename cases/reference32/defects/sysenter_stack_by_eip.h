/* Decides by EIP whether SYSENTER's own stack is in use. The handler of an event on its first instruction is on that
 * stack as well, with another EIP. */
#define TEST_ON_SYSENTER_STACK \
        movl GATECRASH_FRAME32_EIP(%esp), %ecx; \
        subl $entry_sysenter, %ecx; \
        cmpl $1, %ecx
#include "designs/sysenter_stack.h"
