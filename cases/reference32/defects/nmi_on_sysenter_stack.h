/* Runs the body of an NMI on SYSENTER's own stack if the NMI arrived there (I4). */
#define NMI_LEAVES_SYSENTER_STACK 0
#include "designs/sysenter_stack.h"
