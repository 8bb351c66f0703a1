/* Returns by SYSRET although the frame's R11 is not its RFLAGS: the user's R11 is lost. */
#define SLOW_UNLESS_R11_IS_RFLAGS
#define RESTORE_REGS_FOR_SYSRET RESTORE_REGS_BUT_RDI; movq FROM_RDI(RFLAGS)(%rsp), %r11
