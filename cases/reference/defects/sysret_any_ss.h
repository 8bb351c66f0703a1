/* Returns by SYSRET although the frame's SS is not the one that SYSRET loads. */
#define SLOW_UNLESS_SS_IS_SYSRETS
