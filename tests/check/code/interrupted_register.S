#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_bp
        pushq %rbx
#ifdef CLEAN
        movl $1, %ebx
#else
        movb $0, %bl                    // leaves the rest of EBX as it was
#endif
        testl %ebx, %ebx
broken: jz 1f
        nop
1:      popq %rbx
        iretq
