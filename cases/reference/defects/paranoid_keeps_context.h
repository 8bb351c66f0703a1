/* Keeps the context that a handler on an IST stack finds at CPL 0, which may be the user's (I10). */
#define borrow_context(frame) \
    if (!is_from_user(frame)) return; \
    context = Context::kernel
