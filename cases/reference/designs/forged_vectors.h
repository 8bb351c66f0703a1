/* Expects external interrupts with the vectors of exceptions, and tells them by the error code that is not there. */
#define FORGED_VECTORS
