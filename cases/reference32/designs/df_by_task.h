/* Makes #DF switch to a task, which has its own stack. */
#define DF_BY_TASK
