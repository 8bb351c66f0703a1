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
broken: CALL_OUTSIDE body
        RESTORE_ALL
        iretl
        .text
FUNCTION body
        ret
