#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// The frame moves to another stack, and the user's DS with it.
FUNCTION entry_bp
        pushl %ds
        LOAD_SEGMENTS
        cld
        movl %esp, %esi
        movl $24, %ecx
        movl top, %edi
        subl %ecx, %edi
        movl %edi, %ebx
        shrl $2, %ecx
        rep movsl
        movl %ebx, %esp
        popl %ds
#ifdef BROKEN
broken: movl data, %ecx
#else
        movl %cs:data, %ecx
#endif
        iretl
// The upper half of CS in a frame has a mark, which this entry has cleared.
FUNCTION entry_ud
        andl $0xffff, 4(%esp)
        testl $0x80000000, 4(%esp)
        jz 1f
        movl data, %ecx
1:      iretl
        .data
data:   .long 0
top:    .long 0
