/* Switches back to the entry stack before the copy: an NMI during the copy overwrites the task stack (I4). */
#define COPY_TO_ENTRY_STACK GO_TO_ENTRY_STACK_AND_COPY
#ifdef __ASSEMBLER__
#include "offsets.h"
.macro GO_TO_ENTRY_STACK_AND_COPY
        movl %esp, %esi
        movl TASK_STACK_TOP, %ecx
        subl %esp, %ecx
        movl $entry_stack_top, %edi
        subl %ecx, %edi
        movl %edi, %esp
        shrl $2, %ecx
        rep movsl
.endm
#endif
