/* Runs each NMI's body as if it were the only one, although an IRET inside it unmasks NMIs (I5). */
#define nmi_bodies_nest (nmi_state = NmiState::idle, true)
