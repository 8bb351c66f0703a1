/* Lets interrupts in before the context is the kernel's (I10). */
#define enter_syscall(frame) (let_interrupts_in(), enter_from_user(frame, GATECRASH_VECTOR_SYSCALL))
