/* Reads CR2 after the trace point, which may fault and overwrite it (I12). */
#define READ_CR2_BEFORE_TRACE
#define HAND_CR2_TO_BODY movq %cr2, %rdx
#include "designs/traced_in_assembly.h"
