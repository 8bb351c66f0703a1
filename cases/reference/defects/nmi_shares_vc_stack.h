/* Has an NMI's #VC begin where that of what the NMI interrupted began (I4). */
#define OwnVcStack SharedVcStack
#ifndef __ASSEMBLER__
struct SharedVcStack {
    [[gnu::always_inline]] explicit SharedVcStack(const void*) {}
};
#endif
#include "designs/vc_on_ist.h"
