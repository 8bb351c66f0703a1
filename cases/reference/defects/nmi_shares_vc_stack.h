/* Makes a #VC in an NMI start where the #VC that the NMI interrupted has its frame (I4). */
#define OwnVcStack SharedVcStack
#ifndef __ASSEMBLER__
struct SharedVcStack {
    [[gnu::always_inline]] explicit SharedVcStack(const void*) {}
};
#endif
#include "designs/vc_on_ist.h"
