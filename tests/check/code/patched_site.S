#include "code.h"
        ENTRY_TEXT
FUNCTION broken
        nop
site:   nop
        ret
        .text
elsewhere:
        nop
#ifdef CLEAN
#define SITE elsewhere
#else
#define SITE site
#endif
        .section __jump_table, "aw"
        .long SITE - ., SITE - .
#ifdef __i386__
        .long 0
#else
        .quad 0
#endif
