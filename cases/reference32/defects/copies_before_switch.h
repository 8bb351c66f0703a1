/* Switches to the task stack only after the copy: an NMI during the copy uses the same place (I4). */
#define COPY_TO_TASK_STACK COPY_AND_GO_TO_TASK_STACK
#ifdef __ASSEMBLER__
#include "offsets.h"
.macro COPY_AND_GO_TO_TASK_STACK what:req
        movl %esp, %esi
        movl TASK_STACK_TOP, %edi
        subl %ecx, %edi
        movl %edi, %ebx
        shrl $2, %ecx
        rep movsl
ENTRY \what\()_copied
        movl %ebx, %esp
.endm
#endif
