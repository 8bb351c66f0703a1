#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// The data is outside of the entry area: see entry_area.lds.
FUNCTION entry_bp
        testb $3, 8(%rsp)
        jz 1f
        swapgs
        pushq %rax
        movq %cr3, %rax
        andq $~0x1000, %rax
#ifdef CLEAN
        movq %rax, %cr3
#endif
broken: incl counter(%rip)
        movq %rax, %cr3
        orq $0x1000, %rax
        movq %rax, %cr3
        popq %rax
        swapgs
1:      iretq
        .data
counter:
        .long 0
