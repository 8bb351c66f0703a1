/* Executes VERW after POPF, which changes ZF, a flag of the user's. */
#define RESTORE_FLAGS_AND_IF \
        andl $~RFLAGS_IF, (%esp); \
        popfl; \
        CLEAR_BUFFERS; \
        sti
#include "designs/with_verw.h"
