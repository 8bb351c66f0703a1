#include "code.h"
        ENTRY_TEXT
FUNCTION entry
        push $1
        jmp broken
        NOINSTR_TEXT
FUNCTION broken
        nop
#ifdef CLEAN
        CALL_OUTSIDE work
#else
        call work
#endif
        ret
        .text
FUNCTION work
        ret
