/* Makes the context the user's before the last interrupts and the work of the exit (I10). */
#define exit_to_user() (context = Context::user, let_interrupts_in(), do_exit_work(), leave_kernel())
