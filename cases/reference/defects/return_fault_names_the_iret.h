/* Makes the frame of the user's fault point to the kernel's IRET, not to the user's instruction (I9). */
#define PUSH_IRET_FRAME_OF_RETURN_FAULT PUSH_IRET_FRAME_WITH_RIP_OF_FAULT
#ifdef __ASSEMBLER__
#include "offsets.h"
.macro PUSH_IRET_FRAME_WITH_RIP_OF_FAULT
        PUSH_USERS_IRET_FRAME
        word = 0
        .rept 2                         // RIP, CS
        movq GATECRASH_FRAME_RIP + word(%rdi), %rax
        movq %rax, word(%rsp)
        word = word + 8
        .endr
.endm
#endif
