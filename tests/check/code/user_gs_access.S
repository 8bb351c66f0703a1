#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_bp
        testb $3, 8(%rsp)
        jz 1f
#ifdef CLEAN
        swapgs
#endif
broken: movq %gs:0, %rax
#ifdef CLEAN
        swapgs
#endif
1:      iretq
