// Entries for the exceptions of confidential guests, each on an IST stack. The entries of #VE and #HV leave that stack
// at once. No other #VE arrives while its information area is in use, but nothing holds a second #HV back.
#include "entry.h"

        .globl ist_of_ve, ist_of_hv, ist_of_vc
        ist_of_ve = GATECRASH_IST_DB
        ist_of_hv = GATECRASH_IST_MC
        ist_of_vc = GATECRASH_IST_DF

        .section .data, "aw"
        .balign 8
        .globl ve_information
ve_information:
        .fill 40

        .section .entry.text, "ax"
        .globl entry_ve
        .type entry_ve, @function
entry_ve:
        LEAVE_IST_STACK
        movl $0, ve_information + 4
        pushq $0
        ENTRY_PARANOID event_body GATECRASH_VECTOR_VE

        .globl entry_hv, hv_left_stack
        .type entry_hv, @function
entry_hv:
        LEAVE_IST_STACK
hv_left_stack:
        pushq $0
        ENTRY_PARANOID event_body GATECRASH_VECTOR_HV

        .globl entry_vc
        .type entry_vc, @function
entry_vc:
        ENTRY_PARANOID event_body GATECRASH_VECTOR_VC
