// An NMI entry: the one symbol of the runtime's that this project replaces. Two variants, by a switch:
//
//   GS_BY_CS     whether SWAPGS is due is read off the interrupted CS, as an exception's entry may do
//   (none)       it is read off the GS base itself
//
// An NMI can land where the two disagree: in front of the SWAPGS of another entry, and behind that of its exit. CS is the
// kernel's there, and the GS base still, or already, the user's.
#include <gatecrash/entry.h>

        .text

// On IST 1, NMIs masked until the next IRET, GS base unknown. RSP is at the frame that the CPU pushed:
//
//       SS RSP RFLAGS CS RIP
        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        pushq $0                        // where other vectors have an error code
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
