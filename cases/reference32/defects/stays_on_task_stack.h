/* Continues the exit on the task stack, which the user's page tables do not map. */
#define GO_BACK_TO_ENTRY_STACK
