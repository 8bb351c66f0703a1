/* Turns interrupts off in the entry, not by FMASK: one may come before, without a stack. */
#define SAVE_USER_RSP movq %rsp, USER_RSP; cli
