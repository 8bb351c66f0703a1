/* Addresses VERW's operand through DS, which is already the user's: VERW faults if DS is null. */
#define CLEAR_BUFFERS verw writable_selector
#include "designs/with_verw.h"
