/* Does not clear the upper half of CS: what the stack held there looks like marks. */
#define CLEAN_CS
