#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_bp
        testb $3, 8(%rsp)
        jz 1f
        swapgs
        cld
        CALL_OUTSIDE body
#ifdef CLEAN
        swapgs
#endif
broken: iretq
1:      iretq
        .text
FUNCTION body
        ret
