/* Saves DR7 in each round of an NMI's body, and restores it after the last one. In the second round breakpoints are
 * already off, so they stay off. */
#define NmiBreakpoints NmiBreakpointsOfRound
#define KeptOverNmiRounds Dr7OfNmi
#define begin_nmi_round()       \
    READ("dr7", kept.dr7);      \
    WRITE("dr7", dr7_quiet);    \
    nmi_state = NmiState::executing
#ifndef __ASSEMBLER__
#include "cpu.hpp"
struct NmiBreakpointsOfRound {};
struct Dr7OfNmi {
    INLINED ~Dr7OfNmi() { WRITE("dr7", dr7); }
    uint64_t dr7 = 0;
};
#endif
