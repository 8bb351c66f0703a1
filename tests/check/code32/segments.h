/* Macros of code for the rules about the entry state of 32-bit code. */
.macro LOAD_SEGMENTS
        movl $0x18, %eax
        movl %eax, %ds
        movl %eax, %es
.endm

.macro SAVE_ALL
        pushl %es
        pushl %ds
        pushal
.endm
.macro RESTORE_ALL
        popal
        popl %ds
        popl %es
.endm

/* Ends a file: calls a function outside, and returns. */
.macro CALL_AND_RETURN
        CALL_OUTSIDE body
        RESTORE_ALL
        iretl
        .text
FUNCTION body
        ret
.endm
