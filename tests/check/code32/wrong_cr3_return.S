#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// An NMI can arrive while entry code still has the user's CR3, and must give it back.
FUNCTION entry_nmi
        pushl %esi
        pushl %eax
        movl %cr3, %esi
        testl $0x1000, %esi
        jz 1f
        movl %esi, %eax
        andl $~0x1000, %eax
        movl %eax, %cr3
1:      nop
#ifdef CLEAN
        movl %esi, %cr3
#endif
        popl %eax
        popl %esi
broken: iretl
