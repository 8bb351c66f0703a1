#include "code.h"
        ENTRY_TEXT
FUNCTION broken
        jz 1f
        ret
1:      nop
#ifdef CLEAN
        ret
#endif
