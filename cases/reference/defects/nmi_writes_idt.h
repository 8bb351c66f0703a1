/* Removes the IST stack from the gate of #DB while an NMI's body runs, although the IDT is read-only. */
#define begin_nmi_round() \
    (idt[GATECRASH_VECTOR_DB * 16 + 4] = 0, nmi_state = NmiState::executing)
#ifndef __ASSEMBLER__
extern "C" volatile unsigned char idt[];
#endif
