/* Makes the exit to user code restore the context that the entry found, although the task may have moved to another CPU
 * (I10). */
#define exit_from_exception(found) (exit_to_user(), context = found)
