/* Does not recognise the exit's IRET in #SS. For a stack segment that is not present, QEMU 7.2 raises #NP, although the
 * manuals say #SS. */
#define EXCEPTION_OF_SS EXCEPTION
#define EXCEPTION_OF_NP EXCEPTION_OF_NP_OR_SS
#ifdef __ASSEMBLER__
#include "offsets.h"
.macro EXCEPTION_OF_NP_OR_SS vector:req
        cmpl $(GATECRASH_LDT_DATA_ABSENT & ~3), (%rsp)
        je entry_ss
        EXCEPTION_OF_EXIT \vector
.endm
#endif
