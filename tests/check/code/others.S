#include "code.h"
        ENTRY_TEXT
// Calls of functions that other files define.
FUNCTION entry
        call __fentry__
        call elsewhere
        call __x86_indirect_thunk_rax
        jmp __stack_chk_fail
FUNCTION returns_through_thunk
        INSTRUMENTATION_BEGIN
        call elsewhere
        INSTRUMENTATION_END
        jmp __x86_return_thunk
// The region of the other path is not this one's: a label in its middle is no entry.
FUNCTION with_label
        INSTRUMENTATION_BEGIN
        .globl in_region
in_region:
        call elsewhere
        INSTRUMENTATION_END
        ret
