#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
FUNCTION entry_bp
        pushl %edi
#ifdef CLEAN
        movl $1, %edi
#else
        movw $1, %ax
#endif
        testl %edi, %edi
broken: jz 1f
        nop
1:      popl %edi
        iretl
