/* Borrows the context in every fault of the kernel, also in one that waits, so that other tasks run meanwhile (I10). */
#define has_to_borrow(found) idles
#include "designs/idles.h"
