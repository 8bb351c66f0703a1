/* Does not give #VC's stack back: after the NMI #VC begins where the NMI had it begin. */
#define give_vc_stack_back(found)
#include "designs/vc_on_ist.h"
