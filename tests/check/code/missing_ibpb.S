#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_syscall
        swapgs
        movq %rdx, %gs:0
        movl $0x49, %ecx                // PRED_CMD
        xorl %edx, %edx
#ifdef CLEAN
        movl $1, %eax                   // IBPB
#else
        movl $0x80, %eax                // SBPB, which AMD has
#endif
        wrmsr
        swapgs
broken: sysretq
