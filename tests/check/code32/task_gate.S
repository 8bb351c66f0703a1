#include "code/code.h"
        ENTRY_TEXT
// A task gate leads to #DF. The CPU loads DS from the TSS.
FUNCTION entry_df
        movl data, %eax
        iretl
FUNCTION entry_bp
        movl $0x18, %eax
        movl %eax, %ds
        iretl
        .data
data:   .long 0
