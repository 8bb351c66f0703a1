/* Has #DF switch to a task, which has a stack of its own. */
#define DF_BY_TASK
