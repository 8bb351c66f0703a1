#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_bp
        testb $3, 8(%rsp)
        jz 1f
        swapgs
1:
#ifdef CLEAN
        cld
#endif
broken: CALL_OUTSIDE body
        testb $3, 8(%rsp)
        jz 2f
        swapgs
2:      iretq
        .text
FUNCTION body
        ret
