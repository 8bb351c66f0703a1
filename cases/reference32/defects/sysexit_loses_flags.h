/* Does not restore the flags before SYSEXIT. */
#define RESTORE_FLAGS_AND_IF sti
