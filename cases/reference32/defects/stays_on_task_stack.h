/* Goes on with the way out on the task stack, which the user's page tables do not have. */
#define GO_BACK_TO_ENTRY_STACK
