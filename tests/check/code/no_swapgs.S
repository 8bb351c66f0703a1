#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// A kernel that never changes the GS base has no use for it, or shares one with the user.
FUNCTION entry_bp
        cld
        CALL_OUTSIDE body
        iretq
        .text
FUNCTION body
        ret
