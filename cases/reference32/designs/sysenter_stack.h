/* Has SYSENTER begin on a small stack of its own, whose size this is in bytes. */
#define SYSENTER_STACK 256
