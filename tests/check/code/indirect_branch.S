#include "code.h"
        ENTRY_TEXT
FUNCTION broken
#ifdef CLEAN
        jmp target
#else
        jmp *place
#endif
FUNCTION target
        ret
        .data
place:  .long target, 0
