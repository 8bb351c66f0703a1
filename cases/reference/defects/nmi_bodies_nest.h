/* Takes each NMI's body for the only one, although an IRET in it unmasks NMIs (I5). */
#define nmi_bodies_nest (nmi_state = NmiState::idle, true)
