/* Takes each NMI's body for the only one, although an IRET in it unmasks NMIs (I5). */
#define is_nmi_body_running() (nmi_state = NmiState::idle, nmi_state != NmiState::idle)
