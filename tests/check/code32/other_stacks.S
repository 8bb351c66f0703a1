#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// Other ways to use the stack. Code that lost track of it would take the kernel's arm, which loads no segment.
.macro TEST_AND_LEAVE
        testb $3, 4(%esp)
        jz 3f
        SAVE_ALL
        LOAD_SEGMENTS
        movl data, %ecx
        RESTORE_ALL
        iretl
3:      movl data, %ecx
        iretl
.endm
FUNCTION entry_bp
        pushl $1
        call removes_its_argument
        TEST_AND_LEAVE
FUNCTION removes_its_argument
        ret $4
FUNCTION entry_of
        pushl %cs
        call returns_far
        TEST_AND_LEAVE
FUNCTION returns_far
        lret
FUNCTION entry_br
        pushw %cx
        pushw %cx
        popw %cx
        addl $2, %esp
        TEST_AND_LEAVE
FUNCTION entry_ud
        pushl %ebp
        movl %esp, %ebp
        subl $16, %esp
        leave
        TEST_AND_LEAVE
// PREFETCH never faults.
FUNCTION entry_nm
        prefetchw data
        TEST_AND_LEAVE
// The arguments of a system call are in registers.
FUNCTION entry_INT80_32
        testl %ebx, %ebx
        jz 1f
        nop
1:      TEST_AND_LEAVE
// CPL 3 cannot load a selector of the kernel.
FUNCTION entry_mf
        pushl %ds
        cmpl $0x18, (%esp)
        leal 4(%esp), %esp
        jne 1f
        movl data, %ecx
1:      iretl
// An IRET of 16 bits may return to CPL 0.
FUNCTION entry_nmi
        pushl %eax
        movl %cr3, %eax
        pushl %eax
        andl $~0x1000, %eax
        movl %eax, %cr3
        popl %eax
        movl %eax, %cr3
        popl %eax
        iretw
        .data
data:   .long 0
