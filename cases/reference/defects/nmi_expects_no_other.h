/* Takes each NMI from CPL 0 for the first one: a nested NMI overwrites the outer one's frame (I4). */
#define PUSH_SCRATCH_WORD pushq %rdx; jmp nmi_first
