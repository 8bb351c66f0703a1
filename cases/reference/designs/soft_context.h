/* Gives back the context that a body found, and relies on nothing about it. */
#define SOFT_CONTEXT
