/* Calls the trace point of an interrupt before SWAPGS: it uses the user's GS base (I2). */
#define ENTER_IRQ_FROM_USER \
        SAVE_REGS; \
        TRACE_IRQS_OFF 0; \
        RESTORE_REGS_BUT_RDI; \
        popq %rdi; \
        ENTER_FROM_USER
#include "designs/traced_in_assembly.h"
