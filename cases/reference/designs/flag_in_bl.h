/* Sets BL to 1 if the GS base is already the kernel's. The rest of RBX keeps the interrupted context's value. */
#define BORROW_KERNEL_GS_BASE SWAP_GS_UNLESS_FLAG
#define GIVE_GS_BASE_BACK SWAP_GS_BACK_UNLESS_FLAG
#ifdef __ASSEMBLER__
#include "offsets.h"
.macro SWAP_GS_UNLESS_FLAG
        movl $MSR_GS_BASE, %ecx
        rdmsr
        testl %edx, %edx
        sets %bl
        js .Lgs\@
        swapgs
.Lgs\@:
.endm
#ifndef TEST_GS_FLAG
#define TEST_GS_FLAG testb %bl, %bl
#endif
.macro SWAP_GS_BACK_UNLESS_FLAG
        TEST_GS_FLAG
        jnz .Lgs\@
        swapgs
.Lgs\@:
.endm
#endif
