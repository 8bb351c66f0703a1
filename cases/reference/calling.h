/* The steps that all entry points of the reference entry share, one macro each. README.md explains their purpose. A
 * defect's or a design's file replaces a step in #ifndef by defining its name.
 *
 * All of them use the frame of guest/entry.h: general registers, error code, IRET frame. */
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

/* Clears all flags, above all AC and DF. Gates clear IF, TF, NT and RF, but leave the user's AC, which would switch
 * SMAP off. CLAC needs a CPU with SMAP, while this macro only needs a stack. */
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

/* Clears DF and AC, which gates leave as they are. At CPL 0, AC is set only where a kernel with SMAP accesses user
 * memory. A handler that arrives there starts with AC clear, and its return restores AC. */
.macro CLEAR_DF_AND_AC
        CLEAR_DF
        CLEAR_AC
.endm

/* --- from user code ---------------------------------------------------------------------------------------------- */

/* Enters from CPL 3 through a gate without IST. The frame and its error code are on the entry stack; the macro moves
 * them, and all registers, to the task stack. */
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
/* Counts this handler, and switches to the interrupt stack if it is the first. It counts before it switches, since
 * another interrupt may arrive after each instruction. RBP holds the RSP to return to. */
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

/* Calls `body` with the frame at RSP, on the interrupt stack unless another body already runs there. Clobbers RBP. */
.macro CALL_ON_IRQ_STACK body:req
        movq %rsp, %rdi
        movq %rsp, %rbp
        TAKE_IRQ_STACK
        CALL_OUTSIDE \body
        popq %rsi
        movq %rbp, %rsp
        GIVE_IRQ_STACK_BACK
        cmpq %rsi, %rbp
        je .Lintact\@
        movq %rsp, %rdi
        CALL_OUTSIDE irq_stack_overwritten
.Lintact\@:
.endm
#else
.macro CALL_ON_IRQ_STACK body:req
        movq %rsp, %rdi
        CALL_OUTSIDE \body
.endm
#endif

/* --- at any instruction ------------------------------------------------------------------------------------------ */

/* Loads the kernel's CR3 if R14, which holds the interrupted CR3, is the user's. Clobbers RAX. */
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

/* Loads the kernel's GS base. RBX keeps the old base, or whatever a design needs to restore it. Clobbers RAX, RCX,
 * RDX. */
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

/* Loads the kernel's page tables and GS base, whether the current ones are the kernel's or the user's. Clobbers RAX,
 * RBX, RCX, RDX and R14. EXIT_PARANOID needs RBX and R14 unchanged. */
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
