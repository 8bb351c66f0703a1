#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// A part of the entry ends with the tail call of a function, which returns to the entry's own code.
FUNCTION entry_bp
        call enter
        testb $3, 8(%rsp)
        jz 1f
        swapgs
1:      iretq
FUNCTION enter
        cld
        testb $3, 16(%rsp)
        jz broken
#ifdef CLEAN
        swapgs
#endif
broken: jmp body
        NOINSTR_TEXT
FUNCTION body
        ret
