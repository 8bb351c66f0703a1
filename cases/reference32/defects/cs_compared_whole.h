/* Compares all of CS to tell a fault of the way out: marks are in its upper half. */
#define may_be_fixed(frame) (frame->cs == GATECRASH_KERNEL_CS)
