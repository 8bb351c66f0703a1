#include "entry.h"
#include "code.h"
        ENTRY_TEXT
FUNCTION entry_syscall
        swapgs
        movq %rdx, %gs:0
        movl $0x48, %ecx                // SPEC_CTRL for the kernel
        movl $1, %eax
        xorl %edx, %edx
        wrmsr
        movq %rsp, %gs:16
        movq %gs:24, %rsp
        CALL_OUTSIDE function
        movq %gs:16, %rsp
#ifdef CLEAN
        movl $0x48, %ecx                // and for the user
        movl %gs:8, %eax
        xorl %edx, %edx
        wrmsr
#endif
        swapgs
broken: sysretq
        .text
FUNCTION function
        ret
