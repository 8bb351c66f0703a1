/* Returns by SYSRET although the frame's RCX is not its RIP: the user's RCX is lost. */
#define SLOW_UNLESS_RCX_IS_RIP
#define RESTORE_REGS_FOR_SYSRET RESTORE_REGS_BUT_RDI; movq FROM_RDI(RIP)(%rsp), %rcx
