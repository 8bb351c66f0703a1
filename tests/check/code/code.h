/* Macros of the code that check_test.cpp checks. Each file breaks one rule once, in the function `broken`, or with CLEAN
 * does the same without breaking it. All but the last
 * macro is for 32 and for 64 bits. */
#include "entry_common.h"

.macro FUNCTION name:req
        .globl \name
        .type \name, @function
\name:
.endm

#define ENTRY_TEXT .section .entry.text, "ax"
#define NOINSTR_TEXT .section .noinstr.text, "ax"

/* An entry of 64-bit code whose function `enter` executes SWAPGS, and which returns itself. */
.macro ENTRY_THAT_CALLS_ENTER
FUNCTION entry_bp
        call enter
        testb $3, 8(%rsp)
        jz .Lkernel\@
        swapgs
.Lkernel\@:
        iretq
.endm
