#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// Loads a PCID after the kernel's page tables.
FUNCTION entry_bp
        testb $3, 8(%rsp)
        jz 1f
        swapgs
        cld
        movq %cr3, %rax
        andq $~0x1000, %rax
        orq $0x800, %rax
        movq %rax, %cr3
        CALL_OUTSIDE body
        movq %cr3, %rax
        andq $~0x800, %rax
        orq $0x1000, %rax
        movq %rax, %cr3
        swapgs
1:      iretq
// Page tables that another bit tells apart.
FUNCTION entry_ud
        testb $3, 8(%rsp)
        jz 1f
        swapgs
        cld
        movq %cr3, %rax
        orq $0x2000, %rax
        movq %rax, %cr3
        CALL_OUTSIDE body
        movq %cr3, %rax
        andq $~0x2000, %rax
        movq %rax, %cr3
        swapgs
1:      iretq
        .text
FUNCTION body
        ret
