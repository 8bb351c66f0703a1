#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_syscall
        swapgs
        movq %rsp, %gs:8
#ifdef CLEAN
        movq %gs:0, %rsp
#endif
broken: pushq %rcx
        popq %rcx
        movq %gs:8, %rsp
        swapgs
        sysretq
