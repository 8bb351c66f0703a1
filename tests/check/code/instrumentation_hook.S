#include "code.h"
        ENTRY_TEXT
// The region allows other calls, but a compiler inserts the hook without regard to it.
FUNCTION broken
        INSTRUMENTATION_BEGIN
#ifdef CLEAN
        call work
#else
        call __asan_load8_noabort
#endif
        INSTRUMENTATION_END
        ret
        .text
FUNCTION work
        ret
FUNCTION __asan_load8_noabort
        ret
