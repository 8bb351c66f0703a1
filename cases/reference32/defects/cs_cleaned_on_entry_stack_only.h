/* Clears the upper half of CS on the entry stack only: in other frames its old contents look like marks. */
#define CLEAN_CS_OF_KERNEL
