/* Makes a handler on an IST stack do exit work. Then other tasks run, breakpoints may hit their code, and the #DB uses
 * the same stack (I4). */
#define leave_paranoid()       \
    while (exit_work != 0) {   \
        exit_work = 0;         \
        reschedule_here();     \
    }
#define FURTHER_BODIES \
    [[gnu::noinline]] void reschedule_here() { let_interrupts_in(); }
