/* Reads CR2 before the trace point, but into RDX, which calls do not preserve. */
#define READ_CR2_BEFORE_TRACE movq %cr2, %rdx
#define HAND_CR2_TO_BODY
#include "designs/traced_in_assembly.h"
