/* Runs the body of an NMI on SYSENTER's own stack, if it came there (I4). */
#define NMI_LEAVES_SYSENTER_STACK 0
#include "designs/sysenter_stack.h"
