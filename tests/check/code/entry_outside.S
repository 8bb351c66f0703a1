#include "code.h"
#ifdef CLEAN
        ENTRY_TEXT
#else
        .text
#endif
FUNCTION entry_nmi
        iretl
        ENTRY_TEXT
FUNCTION other
        ret
