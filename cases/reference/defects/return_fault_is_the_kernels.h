/* Handles a fault of the exit's IRET as a fault of the kernel, although the context is already the user's (I10). */
#define BODY_OF_RETURN_FAULT exception_body_without_context
#define FURTHER_BODIES \
    NOINSTR void exception_body_without_context(Frame* frame, uint64_t vector) { handle(frame, vector, 0, 0); }
