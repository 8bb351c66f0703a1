/* Returns by SYSRET to any RIP: Intel's faults at CPL 0, with the user's RSP, on one that is not canonical. */
#define SLOW_UNLESS_RIP_IS_A_USERS
