#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_syscall
        swapgs
        movq %gs:0, %rax
        swapgs
#ifdef CLEAN
        verw selector(%rip)
#endif
broken: sysretq
        .section .rodata
selector:
        .word 0x18
