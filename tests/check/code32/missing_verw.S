#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
FUNCTION entry_sysenter
        pushl %ebp
        movl 4(%esp), %edx
        movl (%esp), %ecx
        leal 8(%esp), %esp
#ifdef CLEAN
        verw %cs:selector
#endif
broken: sysexit
        .section .rodata
selector:
        .word 0x18
