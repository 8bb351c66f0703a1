/* Does not make the context the kernel's in handlers that interrupt the idle loop (I10). */
#define has_to_borrow(found) false
#include "designs/idles.h"
