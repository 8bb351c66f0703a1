#include "code.h"
        ENTRY_TEXT
// The notes that Linux has since 6.14 (include/linux/objtool_types.h, ANNOTYPE_INSTR_BEGIN and ANNOTYPE_INSTR_END).
FUNCTION entry
1:      call elsewhere
2:      ret
        .section .discard.annotate_insn, "M", @progbits, 8
        .long 1b - ., 3
        .long 2b - ., 4
        .long 2b - ., 9
