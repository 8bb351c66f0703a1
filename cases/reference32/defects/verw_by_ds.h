/* Finds VERW's operand by DS, which is the user's by then: it faults if that is null. */
#define CLEAR_BUFFERS verw writable_selector
#include "designs/with_verw.h"
