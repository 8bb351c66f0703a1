#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// The flag does not tell which GS base is active.
FUNCTION entry_bp
        cld
#ifdef CLEAN
        testb $3, 8(%rsp)
#else
        testb $3, flag(%rip)
#endif
        jz broken
        swapgs
broken: nop
        CALL_OUTSIDE body
1:      hlt
        jmp 1b
        .text
FUNCTION body
        ret
        .data
flag:   .byte 0
