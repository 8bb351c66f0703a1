/* Turns SMAP on: AC says where the kernel means to use user memory. */
#define WITH_SMAP
