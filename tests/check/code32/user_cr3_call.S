#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// The CPU enters from virtual-8086 mode with any CS.
FUNCTION entry_bp
        testl $0x20000, 8(%esp)
        jnz 1f
        testb $3, 4(%esp)
        jz 2f
1:      SAVE_ALL
        LOAD_SEGMENTS
        cld
        movl %cr3, %eax
        andl $~0x1000, %eax
#ifdef CLEAN
        movl %eax, %cr3
#endif
broken: CALL_OUTSIDE body
        movl %cr3, %eax
        orl $0x1000, %eax
        movl %eax, %cr3
        RESTORE_ALL
2:      iretl
        .text
FUNCTION body
        ret
