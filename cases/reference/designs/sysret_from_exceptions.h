/* Exceptions and interrupts return by SYSRET, too, where nobody can tell. */
#define SYSRET_FROM_EXCEPTIONS
#define RETURN_TO_USER syscall_exit
