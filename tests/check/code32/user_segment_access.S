#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// The user's segments are loaded again when VERW reads its operand.
FUNCTION entry_bp
        SAVE_ALL
        LOAD_SEGMENTS
        movl data, %ecx
        RESTORE_ALL
#ifdef CLEAN
        verw %cs:data
#else
broken: verw data
#endif
        iretl
        .data
data:   .long 0x18
