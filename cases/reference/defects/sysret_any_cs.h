/* Returns by SYSRET although the frame's CS is not the one that SYSRET loads. */
#define SLOW_UNLESS_CS_IS_SYSRETS
