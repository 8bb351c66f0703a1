/* Does not clear the upper half of CS: the old contents of the stack look like marks. */
#define CLEAN_CS
