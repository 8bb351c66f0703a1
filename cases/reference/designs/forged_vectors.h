/* Expects external interrupts with the vectors of exceptions, and recognises them by the missing error code. */
#define FORGED_VECTORS
