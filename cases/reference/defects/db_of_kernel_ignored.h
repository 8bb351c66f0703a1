/* Ignores a #DB that interrupted the kernel, although the kernel also accesses memory that the user watches. */
#define is_handled_in_kernel(vector) (vector != GATECRASH_VECTOR_DB)
