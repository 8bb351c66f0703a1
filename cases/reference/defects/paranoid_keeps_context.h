/* Keeps the context that a handler on an IST stack finds, which may be the user's at CPL 0, too (I10). */
#define borrow_context(frame) \
    if (!is_from_user(frame)) return; \
    context = Context::kernel
