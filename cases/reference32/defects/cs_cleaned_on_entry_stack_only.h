/* Clears the upper half of CS on the entry stack only: elsewhere it looks like marks. */
#define CLEAN_CS_OF_KERNEL
