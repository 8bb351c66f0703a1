#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// A kernel without page tables of the user writes CR3 to flush the TLB, and to switch tasks.
FUNCTION entry_bp
        SAVE_ALL
        LOAD_SEGMENTS
        cld
        CALL_OUTSIDE body
        movl %cr3, %eax
        movl %eax, %cr3
        movl next, %eax
        movl %eax, %cr3
        CALL_AND_RETURN
        .data
next:   .long 0
