/* How the reference entry enters and leaves: one macro for each step that all entry points share. README.md says what each
 * is for. A step that is in #ifndef is replaced by a defect's or a design's file that defines its name.
 *
 * The frame that all of it hands on is that of guest/entry.h: general registers, error code, IRET frame. */
#ifndef GATECRASH_REFERENCE_CALLING_H
#define GATECRASH_REFERENCE_CALLING_H

#include "offsets.h"

/* --- page tables ------------------------------------------------------------------------------------------------- */

#ifdef WITHOUT_PAGE_TABLE_ISOLATION
.macro TO_KERNEL_CR3 scratch:req
.endm
.macro TO_USER_CR3 scratch:req
.endm
#else
.macro TO_KERNEL_CR3 scratch:req
        movq %cr3, \scratch
        andq $~GATECRASH_USER_ROOT, \scratch
        movq \scratch, %cr3
.endm

.macro TO_USER_CR3 scratch:req
        movq %cr3, \scratch
        orq $GATECRASH_USER_ROOT, \scratch
        movq \scratch, %cr3
.endm
#endif

/* --- at each gate ------------------------------------------------------------------------------------------------ */

/* A gate clears IF, TF, NT and RF. AC is the user's still, and would switch SMAP off. CLAC needs a CPU that has SMAP;
 * this needs a stack, and none of the flags. */
#ifndef CLEAR_FLAGS
.macro CLEAR_FLAGS
        pushq $2
        popfq
.endm
#endif

#ifndef CLEAR_DF
.macro CLEAR_DF
        cld
.endm
#endif

#ifndef CLEAR_AC
.macro CLEAR_AC
#ifdef WITH_SMAP
        clac
#endif
.endm
#endif

/* No gate clears DF and AC. From CPL 0, AC is not set but where a kernel that has SMAP uses user memory; what comes there
 * begins without, and its return gives AC back. */
.macro CLEAR_DF_AND_AC
        CLEAR_DF
        CLEAR_AC
.endm

/* --- from user code ---------------------------------------------------------------------------------------------- */

/* From CPL 3 through a gate without IST: the frame, with error code, lies on the entry stack. Moves it, and all
 * registers, to the task stack. */
.macro ENTER_FROM_USER
        swapgs
        pushq %rdi
        TO_KERNEL_CR3 %rdi
        movq %rsp, %rdi
        movq TASK_STACK_TOP, %rsp
        PUSH_IRET_FRAME FROM_RDI(RIP)(%rdi)
        pushq FROM_RDI(ERROR)(%rdi)
        pushq (%rdi)
        SAVE_REGS_BUT_RDI
        CLEAR_FLAGS
.endm

/* --- stacks for interrupts --------------------------------------------------------------------------------------- */

#ifdef IRQ_STACK
/* Who counts itself first knows whether the stack is free: another interrupt may come after each instruction. RBP is the
 * RSP to go back to. */
#ifndef TAKE_IRQ_STACK
.macro TAKE_IRQ_STACK
        incl irq_count(%rip)
        cmovzq irq_stack_top_address(%rip), %rsp
        pushq %rbp
.endm
#endif

#ifndef GIVE_IRQ_STACK_BACK
.macro GIVE_IRQ_STACK_BACK
        decl irq_count(%rip)
.endm
#endif

/* Calls `body`, with the frame at RSP, on the interrupts' stack, unless something runs there already. Clobbers RBP. */
.macro CALL_ON_IRQ_STACK body:req
        movq %rsp, %rdi
        movq %rsp, %rbp
        TAKE_IRQ_STACK
        call \body
        popq %rsi
        movq %rbp, %rsp
        GIVE_IRQ_STACK_BACK
        cmpq %rsi, %rbp
        je .Lintact\@
        movq %rsp, %rdi
        call irq_stack_overwritten
.Lintact\@:
.endm
#else
.macro CALL_ON_IRQ_STACK body:req
        movq %rsp, %rdi
        call \body
.endm
#endif

/* --- at any instruction ------------------------------------------------------------------------------------------ */

/* Page tables: R14 keeps CR3. Clobbers RAX. */
#ifndef BORROW_KERNEL_CR3
.macro BORROW_KERNEL_CR3
        testq $GATECRASH_USER_ROOT, %r14
        jz .Lroot\@
        TO_KERNEL_CR3 %rax
.Lroot\@:
.endm
#endif

#ifndef GIVE_CR3_BACK
.macro GIVE_CR3_BACK
#ifndef WITHOUT_PAGE_TABLE_ISOLATION
        testq $GATECRASH_USER_ROOT, %r14
        jz .Lroot\@
        movq %r14, %cr3
.Lroot\@:
#endif
.endm
#endif

/* GS base: RBX keeps it, or what else a design needs to give it back. Clobbers RAX, RCX, RDX. */
#ifndef BORROW_KERNEL_GS_BASE
.macro BORROW_KERNEL_GS_BASE
        rdgsbase %rbx
        movq $per_cpu, %rax
        wrgsbase %rax
.endm
#endif

#ifndef GIVE_GS_BASE_BACK
.macro GIVE_GS_BASE_BACK
        wrgsbase %rbx
.endm
#endif

/* Nothing is known about the page tables and the GS base in use: the kernel's, or the user's. Clobbers RAX, RBX, RCX, RDX, R14;
 * EXIT_PARANOID needs RBX and R14 as this leaves them. */
.macro ENTER_PARANOID
        CLEAR_FLAGS
        movq %cr3, %r14
        BORROW_KERNEL_CR3
        BORROW_KERNEL_GS_BASE
.endm

.macro EXIT_PARANOID
        GIVE_GS_BASE_BACK
        GIVE_CR3_BACK
.endm

#endif
