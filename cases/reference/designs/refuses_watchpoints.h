/* Refuses data breakpoints on what the entry of #DB uses. */
#define REFUSES_WATCHPOINTS
