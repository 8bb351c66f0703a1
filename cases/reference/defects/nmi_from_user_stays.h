/* Leaves an NMI from CPL 3 on the NMI stack, as if it came from CPL 0, so that its IRET may fault there. It returns to
 * a stack segment of an LDT like other handlers, but from the NMI stack. */
#define stays_on_ist_stack(vector) (vector == GATECRASH_VECTOR_NMI)
#define HANDLE_NMI_FROM_USER
#define PUSH_SCRATCH_WORD pushq %rdx; testb $3, 8 + FROM_RIP(CS)(%rsp); jnz nmi_first
#define CLEAR_EXECUTING CLEAR_EXECUTING_AND_GO_TO_LDT_STACK
#define LEAVE_NMI IRET_AND_NMI_TO_LDT_STACK
#define FIX_FAULT_OF_RETURN \
        IF_FAULT_IS_AT return_iret, fault_of_return; \
        IF_FAULT_IS_AT nmi_iret, fault_of_return
#ifdef __ASSEMBLER__
#include "copied_frame.h"
#include "offsets.h"
.macro CLEAR_EXECUTING_AND_GO_TO_LDT_STACK
        movq $0, EXECUTING - IRET_FRAME(%rsp)
        testb $SELECTOR_TI, FROM_RIP(SS)(%rsp)
        jnz nmi_to_ldt_stack
.endm
.macro IRET_AND_NMI_TO_LDT_STACK
        iretq
nmi_to_ldt_stack:
        pushq $0
        pushq %rdi
        swapgs
        TO_KERNEL_CR3 %rdi
        jmp return_to_ldt_stack
.endm
#endif
