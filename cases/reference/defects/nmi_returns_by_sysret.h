/* Lets an NMI from CPL 3 return by SYSRET if the frame allows it: NMIs stay masked until the next IRET. */
#define RETURN_OF_USERS_NMI syscall_exit
