/* Does not give #VC's stack back: each such NMI takes a part of it away for good. */
#define give_vc_stack_back(found)
#include "designs/vc_on_ist.h"
