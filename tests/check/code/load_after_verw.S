#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_syscall
        swapgs
#ifdef CLEAN
        movq %gs:0, %rax
#endif
        verw selector(%rip)
#ifndef CLEAN
broken: movq %gs:0, %rax
#endif
        swapgs
        sysretq
        .section .rodata
selector:
        .word 0x18
