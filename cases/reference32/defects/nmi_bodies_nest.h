/* Runs each NMI's body as if it were the only one, although an IRET inside it unmasks NMIs (I5). */
#define is_nmi_body_running() (nmi_state = NmiState::idle, nmi_state != NmiState::idle)
