#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_syscall
        swapgs
        movq %rdx, %gs:0
#ifdef CLEAN
        movl $0x48, %ecx                // SPEC_CTRL
        movl %gs:8, %eax
        xorl %edx, %edx
        wrmsr
#endif
        swapgs
broken: sysretq
