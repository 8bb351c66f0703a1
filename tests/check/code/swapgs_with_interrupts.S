#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_bp
        testb $3, 8(%rsp)
        jz 1f
        swapgs
        sti
        nop
#ifdef CLEAN
        cli
#endif
broken: swapgs
1:      iretq
