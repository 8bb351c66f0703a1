/* Ignores a #DB that interrupted the kernel: DR6 is not cleared, and the breakpoint comes again. */
#define is_handled_in_kernel(vector) (vector != GATECRASH_VECTOR_DB)
