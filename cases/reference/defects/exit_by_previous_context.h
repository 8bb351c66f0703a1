/* Has the exit to user code give back the context that was found on the way in: the CPU may be another by then (I10). */
#define exit_from_exception(found) (exit_to_user(), context = found)
