#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// A part of the entry ends with the tail call of a function, which returns to the entry's own code. Another function
// does not return, so it needs no GS base.
        ENTRY_THAT_CALLS_ENTER
FUNCTION enter
        cld
        testb $3, 16(%rsp)
        jz broken
        testq %rax, %rax
        jz 1f
        jmp stop
1:
#ifdef CLEAN
        swapgs
#endif
broken: jmp body
        NOINSTR_TEXT
FUNCTION body
        ret
FUNCTION stop
        ud2
