#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// #MC can arrive while entry code still has the user's CR3, and must give it back.
FUNCTION entry_mc
        pushq %r14
        movq %cr3, %r14
        testq $0x1000, %r14
        jz 1f
        movq %r14, %rax
        andq $~0x1000, %rax
        movq %rax, %cr3
1:      nop
#ifdef CLEAN
        movq %r14, %cr3
#endif
        popq %r14
broken: iretq
