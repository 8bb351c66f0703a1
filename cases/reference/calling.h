/* How the reference entry enters and leaves: one macro for each thing that has to be done. README.md says what each is
 * for, and which switch leaves it out.
 *
 * The frame that all of it hands on is that of guest/entry.h: general registers, error code, IRET frame. */
#ifndef GATECRASH_REFERENCE_CALLING_H
#define GATECRASH_REFERENCE_CALLING_H

#include "entry.h"

/* Per-CPU data of the entry area, by kernel GS base (guest/tables.S). */
#define TASK_STACK_TOP %gs:0
#define USER_RSP %gs:8

#define FRAME_RDI 112
#define FRAME_RCX 88
#define FRAME_R11 48
#define FRAME_RFLAGS 144
#define FRAME_RSP 152
#define FRAME_SS 160

#define SELECTOR_TI 4
#define DESCRIPTOR_B 0x400000 /* as LAR has it */

#define CR4_FSGSBASE 0x10000
#define CR4_SMAP 0x200000
#define DR7_ARMED 0x700

/* Saves all registers but RDI, which is saved already. */
.macro SAVE_REGS_BUT_RDI
        pushq %rsi
        pushq %rdx
        pushq %rcx
        pushq %rax
        pushq %r8
        pushq %r9
        pushq %r10
        pushq %r11
        SAVE_CALLEE_SAVED
.endm

/* The reverse: RSP is at the saved RDI. */
.macro RESTORE_REGS_BUT_RDI
        RESTORE_CALLEE_SAVED
        popq %r11
        popq %r10
        popq %r9
        popq %r8
        popq %rax
        popq %rcx
        popq %rdx
        popq %rsi
.endm

/* The five words of an IRET frame at `from` onto the stack. */
.macro PUSH_IRET_FRAME from:req
        pushq 32 + \from
        pushq 24 + \from
        pushq 16 + \from
        pushq 8 + \from
        pushq \from
.endm

/* --- page tables ----------------------------------------------------------------------------------------------- */

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

/* --- from user code ---------------------------------------------------------------------------------------------- */

/* A gate clears IF, TF, NT and RF. AC is the user's still, and would switch SMAP off. CLAC needs a CPU that has SMAP;
 * this needs a stack, and none of the flags. */
.macro CLEAR_FLAGS
        pushq $2
        popfq
.endm

/* From CPL 3 through a gate without IST: the frame, with error code, lies on the entry stack. Moves it, and all
 * registers, to the task stack. */
.macro ENTER_FROM_USER
        swapgs
        pushq %rdi
        TO_KERNEL_CR3 %rdi
        movq %rsp, %rdi
        movq TASK_STACK_TOP, %rsp
        PUSH_IRET_FRAME 16(%rdi)
        pushq 8(%rdi)
        pushq (%rdi)
        SAVE_REGS_BUT_RDI
        CLEAR_FLAGS
.endm

/* --- at any instruction ------------------------------------------------------------------------------------------ */

/* What is in use is unknown: the kernel's page tables and GS base, or the user's. %r14 keeps CR3, %rbx what undoes the
 * rest. Clobbers %rax, %rcx, %rdx. */
.macro ENTER_PARANOID
        cld
        movq %cr3, %r14
#ifndef DEFECT_PARANOID_KEEPS_CR3
        testq $GATECRASH_USER_ROOT, %r14
        jz .Lroot\@
        TO_KERNEL_CR3 %rax
.Lroot\@:
#endif
#if defined(DEFECT_PARANOID_BY_CS)
        xorl %ebx, %ebx
        testb $3, GATECRASH_FRAME_CS(%rsp)
        jz .Lgs\@
        swapgs
        incl %ebx
.Lgs\@:
#elif defined(SIGN_OF_GS)
        ENTER_PARANOID_GS
#else
        rdgsbase %rbx
        movq $per_cpu, %rax
        wrgsbase %rax
#endif
.endm

.macro EXIT_PARANOID
#if defined(DEFECT_PARANOID_BY_CS) || defined(SIGN_OF_GS)
        EXIT_PARANOID_GS
#else
        wrgsbase %rbx
#endif
#ifndef DEFECT_PARANOID_RETURNS_ON_KERNEL_CR3
        testq $GATECRASH_USER_ROOT, %r14
        jz .Lroot\@
        movq %r14, %cr3
.Lroot\@:
#endif
.endm

#endif
