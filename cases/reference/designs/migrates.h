/* Has a task that waits for a page go on on another CPU, whose context is tracked: that of the first one is not. */
#define MIGRATES
