#include "code/code.h"
        ENTRY_TEXT
// A kernel that never loads a segment has none of its own.
FUNCTION entry_bp
        cld
broken: movl data, %eax
#ifdef BROKEN
        pushl $0x18
        popl %ds
#endif
        iretl
        .data
data:   .long 0
