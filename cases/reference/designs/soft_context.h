/* Restores the context that a body found, and makes no assumption about it. */
#define SOFT_CONTEXT
