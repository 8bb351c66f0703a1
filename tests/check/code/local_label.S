#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// A part of the entry is elsewhere, at a label that is no symbol. It is no function.
        ENTRY_THAT_CALLS_ENTER
FUNCTION enter
        testb $3, 16(%rsp)
        jz 2f
        testq %rax, %rax
        jz .Lpart
        swapgs
2:      ret
.Lback: swapgs
        ret
        NOINSTR_TEXT
FUNCTION other
        ud2
.Lpart: nop
        jmp .Lback
        ret
