/* Checks for exit work before it turns interrupts off, and so misses work that an interrupt then asks for (I14). */
#define leave_syscall() (do_exit_work(), interrupts_off(), leave_kernel())
