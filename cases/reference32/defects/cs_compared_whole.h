/* Compares all bits of CS to recognise a fault of the exit, although the upper half holds marks. */
#define may_be_fixed(frame) (frame->cs == GATECRASH_KERNEL_CS)
