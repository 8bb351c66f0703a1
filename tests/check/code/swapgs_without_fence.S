#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_bp
        testb $3, 8(%rsp)
        jz 1f
        swapgs
1:
#ifdef CLEAN
        lfence
#endif
broken: movq %gs:0, %rax
        testb $3, 8(%rsp)
        jz 2f
        swapgs
2:      iretq
