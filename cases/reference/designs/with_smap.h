/* Turns SMAP on: the kernel sets AC only where it means to access user memory. */
#define WITH_SMAP
