/* Returns by SYSRET although the frame has TF: the trap comes before the user's first instruction. */
#define FLAGS_FOR_IRET_ONLY RFLAGS_RF
