/* Does not give the stack of #VC back: each such NMI permanently takes a part of it away. */
#define give_vc_stack_back(found)
#include "designs/vc_on_ist.h"
