/* Looks for work before interrupts are off: what comes after that is missed (I14). */
#define leave_syscall() (do_exit_work(), interrupts_off(), leave_kernel())
