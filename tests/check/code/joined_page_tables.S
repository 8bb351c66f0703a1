#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// The flag does not tell whose page tables are active. With CLEAN, the code reads CR3 after the paths have met.
FUNCTION entry_bp
        cld
        testb $3, 8(%rsp)
        jz 1f
        swapgs
1:      xorl %eax, %eax
        testb $3, flag(%rip)
        jz broken
        movq %cr3, %rax
        andq $~0x1000, %rax
        movq %rax, %cr3
        xorl %eax, %eax
broken: nop
#ifdef CLEAN
        movq %cr3, %rax
        andq $~0x1000, %rax
        movq %rax, %cr3
#endif
        CALL_OUTSIDE body
2:      hlt
        jmp 2b
        .text
FUNCTION body
        ret
        .data
flag:   .byte 0
