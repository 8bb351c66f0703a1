/* Makes an NMI from user code do exit work, which turns interrupts on (I14). */
#define end_nmi_round(frame)          \
    if (is_from_user(frame)) {        \
        exit_work = reschedule;       \
        do_exit_work();               \
    }                                 \
    next_nmi_state()
