#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// FRED's returns. Assemblers of today have no mnemonics for them.
FUNCTION entry_of_fred
        cld
        testb $3, 8(%rsp)
        jz 1f
        .byte 0xf3, 0x0f, 0x01, 0xca    // ERETU
1:      .byte 0xf2, 0x0f, 0x01, 0xca    // ERETS
