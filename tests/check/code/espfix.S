#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// An exit that returns to a 16-bit stack uses another stack, and per-CPU data for that. Only the user's SS can be one of
// the LDT. That holds for the frame that the CPU pushed, and for a copy whose CS the code has tested.
FUNCTION entry_bp
        testb $3, 8(%rsp)
        jz return
        swapgs
        cld
        call copy_frame
        movq %rax, %rsp
        testb $3, 8(%rsp)
        jz return
        swapgs
return: testb $4, 32(%rsp)
        jnz 1f
        iretq
1:
#ifdef CLEAN
        swapgs
#endif
broken: movq %gs:0, %rax
#ifdef CLEAN
        swapgs
#endif
        iretq
        NOINSTR_TEXT
FUNCTION copy_frame
        ret
