#include "entry.h"
#include "code.h"
        ENTRY_TEXT
// #DB can arrive while a SYSCALL at CPL 0 still has the user's GS base.
FUNCTION entry_db
        SAVE_REGS_BUT_RDI
        cld
#ifdef CLEAN
        ENTER_PARANOID_GS
#else
        testb $3, 14 * 8 + 8(%rsp)
        jz 1f
        swapgs
1:
#endif
broken: CALL_OUTSIDE body
#ifdef CLEAN
        EXIT_PARANOID_GS
#else
        testb $3, 14 * 8 + 8(%rsp)
        jz 2f
        swapgs
2:
#endif
        RESTORE_REGS_BUT_RDI
        iretq
        .text
FUNCTION body
        ret
