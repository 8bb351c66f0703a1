/* Macros of the code that check_test.cpp checks. Each file breaks one rule once, in the function `broken`, or with CLEAN
 * does the same without breaking it. All of it assembles for 32 and for 64 bits. */
#include "entry_common.h"

.macro FUNCTION name:req
        .globl \name
        .type \name, @function
\name:
.endm

#define ENTRY_TEXT .section .entry.text, "ax"
#define NOINSTR_TEXT .section .noinstr.text, "ax"
