/* Adds trace points to the entry itself, which read the user's stack and so may fault. */
#define TRACED_IN_ASSEMBLY
#define page_fault_address(vector, cr2_of_entry) (vector == GATECRASH_VECTOR_PF ? cr2_of_entry : 0)
