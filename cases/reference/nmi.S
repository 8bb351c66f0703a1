// NMIs of the reference entry. From CPL 3 an NMI is an exception like others, except that it does no exit work. From
// CPL 0 the CPU starts at the top of the NMI stack each time. It does so even inside another NMI, if an exception in
// its handler unmasked NMIs by an IRET. So the first NMI copies its frame out of the CPU's reach, and a nested NMI only
// makes the outer one repeat.
#include "nmi_steps.h"

        .section .entry.text, "ax"

// NMI: runs on the NMI stack, with NMIs masked until the next IRET. GS base, CR3, DF and AC still have their
// interrupted values.
//
// From here to nmi_repeat the CPU's frame is the only copy, or a nested NMI's own. So no handler that interrupts this
// code may unmask NMIs (exception_steps.h, mc_returns_masked).
ENTRY entry_nmi
        HANDLE_NMI_FROM_USER

// RSP is at the IRET frame, at the top of the NMI stack. The words below it may belong to an outer NMI.
PLACE nmi_from_kernel
        PUSH_SCRATCH_WORD
        OUT_IF_COPYING
        NESTED_IF_EXECUTING
        FIRST_UNLESS_ON_NMI_STACK
        FIRST_UNLESS_DF_MARKS_EXIT

PLACE nmi_nested
        HAVE_OUTER_NMI_REPEAT
PLACE nmi_nested_out
        popq %rdx
        iretq

PLACE nmi_first
        COPY_NMI_FRAME
        pushq $0
        SAVE_REGS
        ENTER_PARANOID
        CALL_NMI_BODY
        USERS_CODE_GOES GATECRASH_FRAME_RIP + IRET_FRAME
        EXIT_PARANOID
        RESTORE_REGS
        addq $IRET_FRAME, %rsp
        MARK_EXIT_BY_DF
PLACE nmi_clear_executing
        CLEAR_EXECUTING
PLACE nmi_iret
        LEAVE_NMI
