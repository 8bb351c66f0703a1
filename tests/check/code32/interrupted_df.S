#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
FUNCTION entry_bp
        SAVE_ALL
        LOAD_SEGMENTS
#ifdef CLEAN
        cld
#endif
broken: CALL_AND_RETURN
