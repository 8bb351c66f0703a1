#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
FUNCTION entry_bp
        SAVE_ALL
        cld
#ifdef CLEAN
        LOAD_SEGMENTS
#else
        movl $0x18, %eax
        movl %eax, %ds
#endif
broken: CALL_AND_RETURN
