/* Returns by SYSRET to any RIP: if it is not canonical, Intel's SYSRET faults at CPL 0 with the user's RSP. */
#define SLOW_UNLESS_RIP_IS_A_USERS
