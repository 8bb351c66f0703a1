/* Reads CR2 after the trace point, which may fault and overwrite it (I12). */
#define trace_exception(vector, cr2) \
    trace_entry();                   \
    if (vector == GATECRASH_VECTOR_PF) READ("cr2", cr2)
