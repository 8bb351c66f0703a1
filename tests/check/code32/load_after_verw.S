#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
FUNCTION entry_sysenter
        movl %ss:number, %ecx
        verw %cs:number
#ifdef CLEAN
        popl %edx
#else
broken: movl %ss:number, %edx
#endif
        sysexit
        .data
number: .long 0x18
