/* Saves IF as SYSENTER left it: user code goes on without interrupts. */
#define SET_USERS_IF
