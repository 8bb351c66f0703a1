/* Turns interrupts off in the entry, not by FMASK: one may arrive before that, while RSP is still the user's. */
#define SAVE_USER_RSP movq %rsp, USER_RSP; cli
