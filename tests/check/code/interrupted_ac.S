#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// The first entry shows that there is SMAP.
FUNCTION entry_ud
        clac
        iretq
FUNCTION entry_bp
        cld
#ifdef CLEAN
        clac
#endif
        testb $3, 8(%rsp)
        jz 1f
        swapgs
1:
broken: CALL_OUTSIDE body
        testb $3, 8(%rsp)
        jz 2f
        swapgs
2:      iretq
        .text
FUNCTION body
        ret
