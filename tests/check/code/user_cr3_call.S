#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_bp
        testb $3, 8(%rsp)
        jz 1f
        swapgs
        cld
        movq %cr3, %rax
        andq $~0x1000, %rax
#ifdef CLEAN
        movq %rax, %cr3
#endif
broken: CALL_OUTSIDE body
        movq %cr3, %rax
        orq $0x1000, %rax
        movq %rax, %cr3
        swapgs
1:      iretq
        .text
FUNCTION body
        ret
