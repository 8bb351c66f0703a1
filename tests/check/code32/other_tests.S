#include "code/code.h"
#include "segments.h"
        ENTRY_TEXT
// Correct ways to tell whence the CPU came, before and after a call. Each entry switches CR3 for the user only.
.macro TO_KERNEL_CR3
        movl %cr3, %eax
        andl $~0x1000, %eax
        movl %eax, %cr3
.endm
.macro TO_USER_CR3
        movl %cr3, %eax
        orl $0x1000, %eax
        movl %eax, %cr3
.endm
.macro ENTER test:req, from_user:req, from_kernel:req
        SAVE_ALL
        LOAD_SEGMENTS
        cld
        \test
        \from_kernel 1f
        TO_KERNEL_CR3
1:      CALL_OUTSIDE body
        \test
        \from_user 2f
        RESTORE_ALL
        iretl
2:      TO_USER_CR3
        RESTORE_ALL
        iretl
.endm
.macro MIX
        movl 48(%esp), %eax             // EFLAGS
        movb 44(%esp), %al              // CS
.endm
.macro COMPARE_BOTH
        MIX
        andl $0x20003, %eax
        cmpl $3, %eax
.endm
.macro TEST_BOTH
        MIX
        testl $0x20003, %eax
.endm
.macro MASK_BOTH
        MIX
        andl $0x20003, %eax
.endm
.macro TEST_WORD
        movw 44(%esp), %ax
        testb $3, %al
.endm
.macro TEST_EXTENDED
        movzwl 44(%esp), %eax
        testl $2, %eax
.endm
.macro TEST_BIT
        btl $0, 44(%esp)
.endm
.macro COMPARE_CS
        movl %cs, %eax
        cmpw %ax, 44(%esp)
.endm
FUNCTION entry_bp
        ENTER COMPARE_BOTH, jnb, jb
FUNCTION entry_of
        ENTER TEST_BOTH, jnz, jz
FUNCTION entry_br
        ENTER MASK_BOTH, jnz, jz
FUNCTION entry_ud
        ENTER TEST_WORD, jnz, jz
FUNCTION entry_nm
        ENTER TEST_EXTENDED, jnz, jz
FUNCTION entry_mf
        ENTER TEST_BIT, jc, jnc
FUNCTION entry_xf
        ENTER COMPARE_CS, jne, je
// The exit compares once, and branches twice.
FUNCTION entry_de
        SAVE_ALL
        LOAD_SEGMENTS
        cld
        testb $3, 44(%esp)
        jz 1f
        jz 2f
        TO_KERNEL_CR3
        CALL_OUTSIDE body
        TO_USER_CR3
1:      RESTORE_ALL
        iretl
2:      ud2
        .text
FUNCTION body
        ret
