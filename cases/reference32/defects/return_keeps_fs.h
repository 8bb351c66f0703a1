/* Does not restore FS: the return to CPL 3 replaces the kernel's selector by a null one, and user code faults later. */
#define RESTORE_FS addl $4, %esp
