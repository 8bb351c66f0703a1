/* Borrows the context in every fault of the kernel, even in one that waits while other tasks run (I10). */
#define has_to_borrow(found) idles
#include "designs/idles.h"
