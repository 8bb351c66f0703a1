/* The steps of exceptions, interrupts and their returns. A defect's or a design's file replaces a step by defining its
 * name (README.md). */
#ifndef GATECRASH_REFERENCE_EXCEPTION_STEPS_H
#define GATECRASH_REFERENCE_EXCEPTION_STEPS_H

#include "calling.h"

/* --- the first boot ---------------------------------------------------------------------------------------------- */

#define CR4_FSGSBASE 0x10000
#define CR4_SMAP 0x200000
#ifdef WITH_SMAP
#define CR4_AT_BOOT (CR4_FSGSBASE | CR4_SMAP)
#else
#define CR4_AT_BOOT CR4_FSGSBASE
#endif
#define DR7_ARMED 0x700

.macro SET_UP_CR4
        movq %cr4, %rax
        orq $CR4_AT_BOOT, %rax
        movq %rax, %cr4
.endm

/* Models a debugger that has set breakpoints: LE and GE say so, and the harness lands the #DB
 * (docs/reference/events.md). */
.macro ARM_BREAKPOINTS
        movl $DR7_ARMED, %eax
        movq %rax, %dr7
.endm

/* Keeps the runtime's FMASK, which has all flags that SYSCALL must clear. */
#ifndef SET_UP_FMASK
.macro SET_UP_FMASK
.endm
#endif

/* --- on the way in. RSP is at the error code --------------------------------------------------------------------- */

/* Goes to entry_irq if the CPU pushed no error code. An external interrupt may have any vector, and pushes none. The
 * CPU aligns RSP to 16 bytes before it pushes five words, or six with an error code, so RSP shows which. */
.macro EXPECT_ERROR_CODE vector:req
#ifdef FORGED_VECTORS
        testb $8, %spl
        jz .Lhas_code\@
        pushq $\vector
        jmp entry_irq
.Lhas_code\@:
#endif
.endm

/* Copies a frame from CPL 0 further down, and leaves a gap. The interrupted stack ends right above the original frame,
 * and this handler may emulate an instruction that pushes to it. */
#ifndef GAP_TO_INTERRUPTED_STACK
.macro GAP_TO_INTERRUPTED_STACK
        testb $3, FROM_ERROR(CS)(%rsp)
        jnz .Lgap\@
        .rept 6
        pushq FROM_ERROR(SS)(%rsp)       // SS, RSP, RFLAGS, CS, RIP, error code
        .endr
.Lgap\@:
.endm
#endif

/* --- trace points of the entry in assembly ----------------------------------------------------------------------- */

#ifdef TRACED_IN_ASSEMBLY
/* Runs a trace point, which needs the kernel's GS base and may fault. A `vector` of 0 stands for an interrupt, whose
 * vector is in the frame. RSP is at the frame. */
.macro TRACE_IRQS_OFF vector:req
        movq %rsp, %rdi
        movl $\vector, %esi
        CALL_OUTSIDE irqs_off_traced
.endm

/* Reads CR2 into a register that calls preserve, before the trace point, whose own page fault would overwrite CR2. */
#ifndef READ_CR2_BEFORE_TRACE
.macro READ_CR2_BEFORE_TRACE
        movq %cr2, %r12
.endm
#endif
#ifndef HAND_CR2_TO_BODY
.macro HAND_CR2_TO_BODY
        movq %r12, %rdx
.endm
#endif
.macro TRACE_EXCEPTION vector:req
        READ_CR2_BEFORE_TRACE
        TRACE_IRQS_OFF \vector
        HAND_CR2_TO_BODY
.endm
#else
.macro TRACE_IRQS_OFF vector:req
.endm
.macro TRACE_EXCEPTION vector:req
.endm
#endif

/* --- body and return. RSP is at the frame ------------------------------------------------------------------------ */

.macro CALL_EXCEPTION_BODY vector:req
        movq %rsp, %rdi
        movl $\vector, %esi
        CALL_OUTSIDE exception_body
.endm

/* The returns of exceptions and interrupts from CPL 3, of those from CPL 0, and of faults of a return to CPL 3. */
#ifndef RETURN_TO_USER
#define RETURN_TO_USER return_to_user
#endif
#ifndef RETURN_TO_KERNEL
#define RETURN_TO_KERNEL return_to_kernel
#endif
#ifndef RETURN_OF_RETURN_FAULT
#define RETURN_OF_RETURN_FAULT return_to_user
#endif

/* Do nothing, except in a design that has one common exit, and so must note where that exit returns to. */
#ifndef EXIT_IS_TO_USER
.macro EXIT_IS_TO_USER
.endm
#endif
#ifndef EXIT_IS_TO_KERNEL
.macro EXIT_IS_TO_KERNEL
.endm
#endif
#ifndef EXIT_BY_KIND
.macro EXIT_BY_KIND
.endm
#endif

/* Moves the IRET frame to the entry stack, which the user's page tables map, and loads the user's CR3. RSP is at the
 * saved RDI, and afterwards at the IRET frame. */
.macro TO_ENTRY_STACK_AND_USER_CR3
        movq %rsp, %rdi
        leaq entry_stack_top(%rip), %rsp
        PUSH_IRET_FRAME FROM_RDI(RIP)(%rdi)
        pushq (%rdi)
        TO_USER_CR3 %rdi
        popq %rdi
.endm

/* --- vectors that differ ----------------------------------------------------------------------------------------- */

#ifndef EXCEPTION_OF_BP
#define EXCEPTION_OF_BP EXCEPTION
#endif
#ifndef EXCEPTION_OF_NP
#define EXCEPTION_OF_NP EXCEPTION_OF_EXIT
#endif
#ifndef EXCEPTION_OF_SS
#define EXCEPTION_OF_SS EXCEPTION_OF_EXIT
#endif

#ifndef BEGIN_IRQ
#define BEGIN_IRQ CLEAR_DF_AND_AC
#endif

#ifndef ENTER_IRQ_FROM_USER
.macro ENTER_IRQ_FROM_USER
        ENTER_FROM_USER
        TRACE_IRQS_OFF 0
.endm
#endif

#ifndef ENTER_MC_FROM_USER
#define ENTER_MC_FROM_USER ENTER_FROM_USER
#endif

/* Returns from #MC, without an IRET if it interrupted an NMI that has not copied its frame yet: an IRET would unmask
 * NMIs there. RSP is at the IRET frame, on the stack of #MC. No other #MC can overwrite that stack, since MCIP is still
 * set. */
#ifndef RETURN_FROM_MC
.macro RETURN_FROM_MC
        cmpq $entry_nmi, (%rsp)
        jb .Liret\@
        cmpq $nmi_repeat, (%rsp)
        jb mc_returns_masked
.Liret\@:
        iretq
.endm
#endif
#ifndef RETURN_FROM_MC_MASKED
.macro RETURN_FROM_MC_MASKED
ENTRY mc_returns_masked
        pushq FROM_RIP(RFLAGS)(%rsp)
        popfq
        movq FROM_RIP(RSP)(%rsp), %rsp
        jmp *mc_stack_top - FROM_RIP(SIZE)(%rip)
.endm
#endif

/* --- faults of a return. RSP is at the frame --------------------------------------------------------------------- */

/* Jumps to `fix` if the instruction at `place` faulted. Clobbers RAX. */
.macro IF_FAULT_IS_AT place:req, fix:req
        leaq \place(%rip), %rax
        cmpq %rax, GATECRASH_FRAME_RIP(%rsp)
        je \fix
.endm

#ifndef FIX_FAULT_OF_RETURN
.macro FIX_FAULT_OF_RETURN
        IF_FAULT_IS_AT return_iret, fault_of_return
.endm
#endif

/* Undo the SWAPGS that came before the faulting instruction. */
#ifndef SWAP_GS_OF_RETURN_BACK
#define SWAP_GS_OF_RETURN_BACK swapgs
#endif
#ifndef SWAP_GS_OF_GS_CHANGE_BACK
#define SWAP_GS_OF_GS_CHANGE_BACK swapgs
#endif

/* Switches to the task stack. RDI still points to the fault's frame on the entry stack. */
#ifndef RETURN_FAULT_TO_TASK_STACK
.macro RETURN_FAULT_TO_TASK_STACK
        movq TASK_STACK_TOP, %rsp
.endm
#endif

/* Pushes the frame that the faulting IRET used. The RSP of the fault's frame points to it. Clobbers RAX. */
.macro PUSH_USERS_IRET_FRAME
        movq GATECRASH_FRAME_RSP(%rdi), %rax
        PUSH_IRET_FRAME 0(%rax)
.endm
#ifndef PUSH_IRET_FRAME_OF_RETURN_FAULT
#define PUSH_IRET_FRAME_OF_RETURN_FAULT PUSH_USERS_IRET_FRAME
#endif

/* Pushes the fault's error code, and the registers of the fault's frame, which are already the user's. */
.macro PUSH_CODE_AND_REGS_OF_FAULT
        word = GATECRASH_FRAME_ERROR
        .rept 16
        pushq word(%rdi)
        word = word - 8
        .endr
.endm

#ifndef EXIT_OF_RETURN_FAULT_IS_TO_USER
#define EXIT_OF_RETURN_FAULT_IS_TO_USER EXIT_IS_TO_USER
#endif
#ifndef BODY_OF_RETURN_FAULT
#define BODY_OF_RETURN_FAULT exception_body
#endif

#endif
