/* Decides by CS whether a handler on an IST stack needs SWAPGS. But the GS base may be the user's at CPL 0 as well
 * (I2). */
#define BORROW_KERNEL_GS_BASE SWAP_GS_IF_CS_IS_THE_USERS
#define GIVE_GS_BASE_BACK EXIT_PARANOID_GS
#ifdef __ASSEMBLER__
#include "offsets.h"
.macro SWAP_GS_IF_CS_IS_THE_USERS
        xorl %ebx, %ebx
        testb $3, GATECRASH_FRAME_CS(%rsp)
        jz .Lgs\@
        swapgs
        incl %ebx
.Lgs\@:
.endm
#endif
