#include "code.h"
        ENTRY_TEXT
FUNCTION broken
        INSTRUMENTATION_BEGIN
        call work
        jz 1f
        INSTRUMENTATION_END
        ret
1:
#ifdef CLEAN
        INSTRUMENTATION_END
#endif
        ret
        .text
FUNCTION work
        ret
