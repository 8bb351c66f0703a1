// Exceptions and interrupts of the reference entry. nmi.S has the NMIs, and syscall.S has SYSCALL.
//
// All code here is in the entry area, which both page-table roots map, and runs with interrupts off. From CPL 3 the CPU
// switches to the entry stack, ENTER_FROM_USER switches to the task stack, and bodies run there. From CPL 0, bodies run
// on the interrupted stack. A vector that may arrive where neither CR3 nor the GS base is known has an IST stack.
#include "espfix.h"
#include "exception_steps.h"

#include "entry_data.h"
        RESERVE_ESPFIX_STACK

        .section .entry.text, "ax"

// --- ways of entering. RSP is at the error code -----------------------------------------------------------------------

// Handles an exception without IST. From CPL 0, CR3 and the GS base are the kernel's.
.macro EXCEPTION vector:req
        CLEAR_DF_AND_AC
        testb $3, FROM_ERROR(CS)(%rsp)
        jnz 1f
        SAVE_REGS
        EXIT_IS_TO_KERNEL
        TRACE_EXCEPTION \vector
        CALL_EXCEPTION_BODY \vector
        jmp RETURN_TO_KERNEL
1:      ENTER_FROM_USER
        EXIT_IS_TO_USER
        TRACE_EXCEPTION \vector
        CALL_EXCEPTION_BODY \vector
        jmp RETURN_TO_USER
.endm

// Handles an exception that may also be the fault of an IRET to user code, or of the load of the user's GS.
.macro EXCEPTION_OF_EXIT vector:req
        CLEAR_DF_AND_AC
        testb $3, FROM_ERROR(CS)(%rsp)
        jnz 1f
        SAVE_REGS
        movl $\vector, %esi
        jmp fault_in_kernel
1:      ENTER_FROM_USER
        EXIT_IS_TO_USER
        CALL_EXCEPTION_BODY \vector
        jmp RETURN_TO_USER
.endm

// Handles an exception that has an IST stack and may arrive at any instruction. From CPL 3 it is like any other
// exception.
.macro EXCEPTION_ANYWHERE vector:req, enter_from_user=ENTER_FROM_USER, return=iretq
        CLEAR_DF_AND_AC
        testb $3, FROM_ERROR(CS)(%rsp)
        jnz 1f
        SAVE_REGS
        ENTER_PARANOID
        movq %rsp, %rdi
        movl $\vector, %esi
        CALL_OUTSIDE paranoid_body
        EXIT_PARANOID
        RESTORE_REGS
        \return
1:      \enter_from_user
        EXIT_IS_TO_USER
        CALL_EXCEPTION_BODY \vector
        jmp RETURN_TO_USER
.endm

// --- entries ----------------------------------------------------------------------------------------------------------

// #DB: runs on its IST stack. No breakpoint can hit while that stack holds a frame (REFUSE_BREAKPOINTS).
ENTRY entry_db
        pushq $0
        EXCEPTION_ANYWHERE GATECRASH_VECTOR_DB

// #BP: runs on the entry stack from CPL 3, and on the interrupted stack from CPL 0.
ENTRY entry_bp
        pushq $0
.Lafter_first_of_bp:
        GAP_TO_INTERRUPTED_STACK
        EXCEPTION_OF_BP GATECRASH_VECTOR_BP

// #UD, #NP, #SS, #GP and #PF work like #BP. The CPU pushes an error code for all of them except #UD.
ENTRY entry_ud
        pushq $0
        EXCEPTION GATECRASH_VECTOR_UD
ENTRY entry_np
        EXPECT_ERROR_CODE GATECRASH_VECTOR_NP
        EXCEPTION_OF_NP GATECRASH_VECTOR_NP
ENTRY entry_ss
        EXPECT_ERROR_CODE GATECRASH_VECTOR_SS
        EXCEPTION_OF_SS GATECRASH_VECTOR_SS
ENTRY entry_gp
        EXPECT_ERROR_CODE GATECRASH_VECTOR_GP
        EXCEPTION_OF_EXIT GATECRASH_VECTOR_GP
ENTRY entry_pf
        EXPECT_ERROR_CODE GATECRASH_VECTOR_PF
        EXCEPTION GATECRASH_VECTOR_PF

#include "vc.h"

// #MC: runs on its IST stack. A second #MC before the kernel clears MCIP shuts the CPU down.
ENTRY entry_mc
        pushq $0
        EXCEPTION_ANYWHERE GATECRASH_VECTOR_MC, ENTER_MC_FROM_USER, RETURN_FROM_MC
        RETURN_FROM_MC_MASKED

// An external interrupt works like #BP. Its vector takes the place of an error code.
ENTRY entry_irq
        BEGIN_IRQ
        testb $3, FROM_ERROR(CS)(%rsp)
        jnz 1f
        SAVE_REGS
        EXIT_IS_TO_KERNEL
        TRACE_IRQS_OFF 0
        CALL_ON_IRQ_STACK interrupt_body
        jmp RETURN_TO_KERNEL
1:      ENTER_IRQ_FROM_USER
        EXIT_IS_TO_USER
        CALL_ON_IRQ_STACK interrupt_body
        jmp RETURN_TO_USER

// --- faults of a return ------------------------------------------------------------------------------------------------

// Handles a fault at CPL 0 whose vector is in %esi. If the exit's IRET faulted, the user asked for an impossible
// return, so the fault is the user's. All state except the IRET frame is then the user's already.
//
//      SS RSP RFLAGS CS RIP      state at the IRET; this RSP points to the IRET frame that faulted
//      error code, registers     RSP is here, on the entry stack
ENTRY fault_in_kernel
        FIX_FAULT_OF_RETURN
        IF_FAULT_IS_AT gs_change, fault_of_gs_change
        EXIT_IS_TO_KERNEL
        movq %rsp, %rdi
        CALL_OUTSIDE exception_body
        jmp RETURN_TO_KERNEL

// Handles the fault of a return to CPL 3, with the stack drawn at fault_in_kernel, and the user's GS base and CR3.
// Builds a frame on the task stack, as if the user's instruction at the return address had faulted.
ENTRY fault_of_return
        SWAP_GS_OF_RETURN_BACK
        TO_KERNEL_CR3 %rax
        movq %rsp, %rdi
        RETURN_FAULT_TO_TASK_STACK
        PUSH_IRET_FRAME_OF_RETURN_FAULT
        PUSH_CODE_AND_REGS_OF_FAULT
        movq %rsp, %rdi
        EXIT_OF_RETURN_FAULT_IS_TO_USER
        CALL_OUTSIDE BODY_OF_RETURN_FAULT
        jmp RETURN_OF_RETURN_FAULT

// Loads the selector in %edi into the user's GS. The load also changes the GS base, so the user's base is in use
// meanwhile. Only the load may fault. Returns 1 in %eax, or 0 if it faulted.
ENTRY load_gs_index
        pushfq
        cli
        swapgs
        movl $1, %eax
PLACE gs_change
        movl %edi, %gs
        swapgs
        popfq
        ret
PLACE gs_change_failed
        swapgs
        xorl %eax, %eax
        movl %eax, %gs
        swapgs
        popfq
        ret

// Handles the fault of that load, with the user's GS base and all other state the kernel's. Continues at
// gs_change_failed.
ENTRY fault_of_gs_change
        SWAP_GS_OF_GS_CHANGE_BACK
        leaq gs_change_failed(%rip), %rax
        movq %rax, GATECRASH_FRAME_RIP(%rsp)
        movq %rsp, %rdi
        CALL_OUTSIDE exception_body
        jmp return_to_kernel

// #DF: runs on its IST stack, and may arrive at any instruction. The entry reads CR2 at once, since any further fault
// overwrites the address of the original one.
ENTRY entry_df
        EXPECT_ERROR_CODE GATECRASH_VECTOR_DF
        CLEAR_DF_AND_AC
        SAVE_REGS
        FIX_FAULT_OF_ESPFIX
        ENTER_PARANOID
        movq %rsp, %rdi
        movq %cr2, %rsi
        CALL_OUTSIDE double_fault_body
        EXIT_PARANOID
        RESTORE_REGS
        iretq

// --- returns. RSP is at the frame -------------------------------------------------------------------------------------

        EXIT_BY_KIND
ENTRY return_to_kernel
        RESTORE_REGS
        iretq

// Returns to CPL 3 and can restore all state. RSP is at the frame, on the task stack. The last part runs on the entry
// stack, since the user's page tables map that.
ENTRY return_to_user
        RESTORE_REGS_BUT_RDI
        GO_TO_LDT_STACK
        TO_ENTRY_STACK_AND_USER_CR3
        swapgs
PLACE return_iret
        iretq
        RETURN_TO_LDT_STACK

// Returns to user code for the first time. RSP is at the IRET frame.
        .text
ENTRY boot_to_user
        SET_UP_CR4
        ARM_BREAKPOINTS
        SET_UP_FMASK
        pushq $0
        SAVE_REGS
        jmp return_to_user
