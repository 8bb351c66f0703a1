#include "code.h"
// Functions of Linux have such code in .noinstr.text. Only the static branch breaks a rule, since it is patched. With
// BROKEN, each of the places named `broken_...` breaks one, too.
        NOINSTR_TEXT
// A branch by a feature of the CPU, before the kernel has patched itself (static_cpu_has()).
FUNCTION by_feature
        jmp .Ltest
.Lyes:
#ifndef CLEAN
broken_after_feature:
        call work
#endif
        ret
.Lno:   ret
// A static branch, which is not taken until the kernel patches it.
FUNCTION by_key
        .nops 5
        ret
.Ltaken:
#ifndef CLEAN
broken_after_key:
        call work
#endif
        ret
#ifndef CLEAN
FUNCTION broken_key
        .nops 5
        ret
        .pushsection __jump_table, "aw"
        .long broken_key - ., work - .
        .quad place - .
        .popsection
#endif
// A function without any return ends the path, in whatever region it is.
FUNCTION stops
        testl %edi, %edi
        jz 1f
        INSTRUMENTATION_BEGIN
        call stop
1:      ret
FUNCTION calls_through_table
        INSTRUMENTATION_BEGIN
        call *place
        call __x86_indirect_thunk_rax
        call __SCT__patched
        INSTRUMENTATION_END
#ifndef CLEAN
broken_call:
        call *place
broken_thunk:
        call __x86_indirect_thunk_rax
broken_static_call:
        call __SCT__patched
#endif
        ret

        .section __jump_table, "aw"
        .long by_key - ., .Ltaken - .
        .quad place - .
        .section .altinstr_aux, "ax"
.Ltest: testl $1, place
        jnz .Lyes
        jmp .Lno
        .text
FUNCTION work
        ret
FUNCTION stop
        testl %edi, %edi
        jz 1f
        call stop_here
1:      jmp stop_here
FUNCTION stop_here
        hlt
        jmp stop_here
        .balign 16, 0xcc
FUNCTION __SCT__patched
        jmp work
        .section .text..__x86.indirect_thunk, "ax"
        .globl __pi___x86_indirect_thunk_rax, __x86_indirect_thunk_rax
__pi___x86_indirect_thunk_rax:
__x86_indirect_thunk_rax:
        jmp *%rax
        .data
place:  .long work, 0
