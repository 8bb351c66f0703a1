#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// Other bits of EFLAGS are compared, too, unless they are masked. So the kernel's arm is never taken.
FUNCTION entry_bp
        SAVE_ALL
        LOAD_SEGMENTS
        cld
        movl 48(%esp), %eax
        movb 44(%esp), %al
#ifdef CLEAN
        andl $0x20003, %eax
#endif
        cmpl $3, %eax
        jb 1f
        movl %cr3, %eax
        orl $0x1000, %eax
        movl %eax, %cr3
1:      RESTORE_ALL
broken: iretl
