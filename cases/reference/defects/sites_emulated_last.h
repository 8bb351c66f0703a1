/* Checks for a patched site only after all other work of the body of #BP, which may itself hit a site. */
#define emulated_site(frame, vector) false
#define handle_exception(frame, vector, cr2, debug_status) \
    handle(frame, vector, cr2, debug_status);              \
    if (vector == GATECRASH_VECTOR_BP) emulate_site(frame)
