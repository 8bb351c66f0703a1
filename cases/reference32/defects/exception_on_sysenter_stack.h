/* Runs the body of an exception on SYSENTER's own stack if the exception arrived there (I4). */
#define EXCEPTION_LEAVES_SYSENTER_STACK 0
#include "designs/sysenter_stack.h"
