// The entry of NMIs, the only symbol of the runtime that this project replaces. A switch chooses between two variants:
//
//   GS_BY_CS     decides by the interrupted CS whether SWAPGS is needed, as an exception's entry may do
//   (none)       decides by the GS base itself
//
// An NMI can land where the two disagree: before the SWAPGS of another entry, and after that of its exit. CS is the
// kernel's there, but the GS base is still, or already, the user's.
#include <gatecrash/entry.h>

        .text

// NMI: runs on IST 1, with NMIs masked until the next IRET, and the GS base unknown. RSP is at the frame that the CPU
// pushed:
//
//       SS RSP RFLAGS CS RIP
        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        pushq $0                        // takes the place of an error code
#ifdef GS_BY_CS
        ENTRY_PLAIN event_body GATECRASH_VECTOR_NMI
#else
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY event_body GATECRASH_VECTOR_NMI
        EXIT_PARANOID_GS
        RESTORE_REGS
        iretq
#endif
