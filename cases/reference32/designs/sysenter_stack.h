/* Has SYSENTER begin on a small stack of its own, of so many bytes. */
#define SYSENTER_STACK 256
