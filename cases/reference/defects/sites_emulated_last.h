/* Looks for a patched site after all that #BP's body does else: that may hit a site itself. */
#define emulated_site(frame, vector) false
#define handle_exception(frame, vector, cr2, debug_status) \
    handle(frame, vector, cr2, debug_status);              \
    if (vector == GATECRASH_VECTOR_BP) emulate_site(frame)
