/* Does not clear DR6: the next #DB finds the bits of this one (I12). */
#define clear_debug_status()
