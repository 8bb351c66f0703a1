#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// The flag does not tell whose segments are loaded.
FUNCTION entry_bp
        SAVE_ALL
        cld
#ifndef CLEAN
        testb $3, %cs:flag
        jz broken
#endif
        pushl $0x18
        popl %ds
        pushl $0x18
        popl %es
broken: nop
        CALL_AND_RETURN
        .data
flag:   .byte 0
