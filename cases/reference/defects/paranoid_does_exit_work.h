/* Has a handler on an IST stack do the work of the exit: other tasks run, whose code may be watched, and #DB comes on
 * the same stack (I4). */
#define leave_paranoid()       \
    while (exit_work != 0) {   \
        exit_work = 0;         \
        reschedule_here();     \
    }
#define FURTHER_BODIES \
    [[gnu::noinline]] void reschedule_here() { let_interrupts_in(); }
