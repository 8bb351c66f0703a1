#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// A part of the entry calls a function at its end only if RAX is 0.
        ENTRY_THAT_CALLS_ENTER
FUNCTION enter
        cld
        testb $3, 16(%rsp)
        jz 1f
#ifdef CLEAN
        swapgs
        testq %rax, %rax
broken: jz body
#else
        testq %rax, %rax
broken: jz body
        swapgs
#endif
1:      ret
        NOINSTR_TEXT
FUNCTION body
        ret
