#include "code.h"
        ENTRY_TEXT
FUNCTION broken
        nop
#ifndef CLEAN
        int3
#endif
        nop
        ret
        int3                            // fill, which no path reaches
        int3
FUNCTION with_fill
        CALL_OUTSIDE panic
        int3                            // the call does not return
        .text
FUNCTION panic
        ud2
