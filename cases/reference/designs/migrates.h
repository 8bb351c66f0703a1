/* Moves a task that waits for a page to another CPU. That CPU tracks its context; the first one does not. */
#define MIGRATES
