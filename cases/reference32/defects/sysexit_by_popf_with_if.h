/* Sets IF by POPF: an interrupt may arrive between that and SYSEXIT. */
#define RESTORE_FLAGS_AND_IF popfl; ENTRY sysexit_with_if
