#include "code/code.h"
        ENTRY_TEXT
// PUSHA keeps EBX at 16(%esp), and a segment is loaded with 16 bits.
FUNCTION entry_bp
        pushal
        movl $0x18, 16(%esp)
        popal
        movl %ebx, %ds
        movl data, %ecx
        iretl
FUNCTION entry_ud
#ifdef CLEAN
        movw $0x18, %ax
        movw %ax, %ds
#endif
        cld
broken: movl data, %ecx
        iretl
        .data
data:   .long 0
