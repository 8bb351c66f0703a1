/* Interrupts that arrive in the program. The harness raises them at the beginning of the window. */
#include "init.h"

void sweep_irq_user(void) {
    __asm__ volatile(GATECRASH_RING(GATECRASH_DOORBELL_BEGIN_IRQ) "nop\n\tnop\n\t" END : : : "memory");
}

void sweep_nmi_user(void) {
    __asm__ volatile(GATECRASH_RING(GATECRASH_DOORBELL_BEGIN_NMI) "nop\n\tnop\n\t" END : : : "memory");
}
