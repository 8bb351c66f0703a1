/* Does not make the context the kernel's in what interrupts the idle loop (I10). */
#define has_to_borrow(found) false
#include "designs/idles.h"
