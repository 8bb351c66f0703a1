#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// The first entry shows that there is SMAP.
FUNCTION entry_ud
        clac
        iretl
FUNCTION entry_bp
        SAVE_ALL
        LOAD_SEGMENTS
#ifdef CLEAN
        pushl $2
        popfl
#else
        cld
#endif
broken: CALL_AND_RETURN
