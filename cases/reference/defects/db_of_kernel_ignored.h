/* Ignores a #DB that interrupted the kernel, which uses what the user watches, too. */
#define is_handled_in_kernel(vector) (vector != GATECRASH_VECTOR_DB)
