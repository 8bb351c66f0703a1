/* Makes the context the kernel's twice (I10). */
#define enter_syscall(frame) \
    (enter_from_user(frame, GATECRASH_VECTOR_SYSCALL), enter_from_user(frame, GATECRASH_VECTOR_SYSCALL))
