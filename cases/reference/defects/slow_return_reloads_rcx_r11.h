/* Makes the slow return restore RCX and R11 as SYSCALL left them, not as the frame has them. */
#define SLOW_RETURN slow_return
#define LEAVE_BY_SYSRET SYSRET_AND_SLOW_RETURN
#ifdef __ASSEMBLER__
#include "offsets.h"
.macro SYSRET_AND_SLOW_RETURN
        sysretq
slow_return:
        movq GATECRASH_FRAME_RIP(%rsp), %rcx
        movq %rcx, GATECRASH_FRAME_RCX(%rsp)
        movq GATECRASH_FRAME_RFLAGS(%rsp), %r11
        movq %r11, GATECRASH_FRAME_R11(%rsp)
        jmp return_to_user
.endm
#endif
