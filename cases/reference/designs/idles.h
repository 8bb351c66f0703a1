/* Adds an idle loop to the kernel. It has its own context, and handlers that interrupt it borrow the kernel's
 * context. */
#define IDLES
