/* Saves IF as SYSENTER left it: user code continues with interrupts off. */
#define SET_USERS_IF
