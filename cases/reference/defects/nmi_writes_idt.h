/* Takes the IST stack from #DB's gate while an NMI's body runs. The IDT cannot be written. */
#define begin_nmi_round() \
    (idt[GATECRASH_VECTOR_DB * 16 + 4] = 0, nmi_state = NmiState::executing)
#ifndef __ASSEMBLER__
extern "C" volatile unsigned char idt[];
#endif
