/* Has no fixup for the read of the argument, which may fault (I9). */
#define FIXUPS_OF_ARGUMENT
#include "designs/sysenter_reads_argument.h"
