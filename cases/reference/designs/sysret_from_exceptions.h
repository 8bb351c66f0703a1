/* Lets exceptions and interrupts return by SYSRET as well, where user code cannot notice it. */
#define SYSRET_FROM_EXCEPTIONS
#define RETURN_TO_USER syscall_exit
