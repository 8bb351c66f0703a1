/* Returns by SYSRET although the frame has RF, which SYSRET clears. Some emulators load RF, so this clears it in
 * R11. */
#define FLAGS_FOR_IRET_ONLY RFLAGS_TF
#define RESTORE_REGS_FOR_SYSRET \
        RESTORE_REGS_BUT_RDI; \
        movq FROM_RDI(RFLAGS)(%rsp), %r11; \
        andq $~RFLAGS_RF, %r11
