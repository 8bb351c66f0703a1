/* Makes SYSENTER start on a small stack of its own. The value is the size of that stack in bytes. */
#define SYSENTER_STACK 256
