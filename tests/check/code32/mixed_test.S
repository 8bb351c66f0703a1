#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// Tests VM and RPL in one register, as Linux does. The CPU entered from CPL 3 if either is set.
FUNCTION entry_bp
        SAVE_ALL
        LOAD_SEGMENTS
        cld
        andl $0xffff, 44(%esp)          // CS
        movl 48(%esp), %eax             // EFLAGS
        movb 44(%esp), %al
        andl $0x20003, %eax
        cmpl $3, %eax
        jb 1f
        movl %cr3, %eax
        andl $~0x1000, %eax
        movl %eax, %cr3
        CALL_OUTSIDE body
        movl %cr3, %eax
        orl $0x1000, %eax
#ifdef CLEAN
        movl %eax, %cr3
#endif
        jmp 2f
1:      CALL_OUTSIDE body
2:      RESTORE_ALL
broken: iretl
        .text
FUNCTION body
        ret
