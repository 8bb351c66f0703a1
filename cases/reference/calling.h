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


#define SELECTOR_TI 4
#define DESCRIPTOR_B 0x400000 /* as LAR has it */

#define CR4_FSGSBASE 0x10000
#define CR4_SMAP 0x200000
#ifdef WITH_SMAP
#define CR4_AT_BOOT (CR4_FSGSBASE | CR4_SMAP)
#else
#define CR4_AT_BOOT CR4_FSGSBASE
#endif
#define DR7_ARMED 0x700

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

/* A gate's vector may also be that of an external interrupt, which pushes no error code. The CPU aligns RSP to 16 before
 * it pushes five words, or six: so RSP tells. What came without is an interrupt, with its vector instead. */
.macro EXPECT_ERROR_CODE vector:req
#ifdef FORGED_VECTORS
        testb $8, %spl
        jz .Lhas_code\@
        pushq $\vector
        jmp entry_irq
.Lhas_code\@:
#endif
.endm

/* --- at each gate ------------------------------------------------------------------------------------------------ */

/* A gate clears IF, TF, NT and RF. AC is the user's still, and would switch SMAP off. CLAC needs a CPU that has SMAP;
 * this needs a stack, and none of the flags. */
.macro CLEAR_FLAGS
#ifdef DEFECT_NO_CLD
        pushfq
        andq $(RFLAGS_DF | 2), (%rsp)
#else
        pushq $2
#endif
        popfq
.endm

/* No gate clears DF and AC. From CPL 0, AC is not set but where a kernel that has SMAP uses user memory; what comes there
 * begins without, and its return gives AC back. */
.macro CLEAR_DF_AND_AC
#ifndef DEFECT_NO_CLD
        cld
#endif
#if defined(WITH_SMAP) && !defined(DEFECT_NO_CLAC)
        clac
#endif
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
        PUSH_IRET_FRAME 16(%rdi)
        pushq 8(%rdi)
        pushq (%rdi)
        SAVE_REGS_BUT_RDI
        CLEAR_FLAGS
.endm

/* --- stacks for interrupts --------------------------------------------------------------------------------------- */

/* Calls `body` with the frame at RSP. With IRQ_STACK it runs there, unless something runs there already: who counts
 * itself first knows. Clobbers %rbp. */
.macro CALL_ON_IRQ_STACK body:req
        movq %rsp, %rdi
#ifdef IRQ_STACK
        movq %rsp, %rbp
#if defined(DEFECT_IRQ_STACK_COUNTED_LATE)
        cmpl $-1, irq_count(%rip)
        cmoveq irq_stack_top_address(%rip), %rsp
        pushq %rbp
        incl irq_count(%rip)
#elif defined(DEFECT_IRQ_STACK_NOT_COUNTED)
        movq irq_stack_top_address(%rip), %rsp
        pushq %rbp
#else
        incl irq_count(%rip)
        cmovzq irq_stack_top_address(%rip), %rsp
        pushq %rbp
#endif
        call \body
        popq %rsi
        movq %rbp, %rsp
#ifndef DEFECT_IRQ_STACK_NOT_COUNTED
        decl irq_count(%rip)
#endif
        cmpq %rsi, %rbp
        je .Lintact\@
        movq %rsp, %rdi
        call irq_stack_overwritten
.Lintact\@:
#else
        call \body
#endif
.endm

#ifdef NMI_ON_IRQ_STACK
#define CALL_NMI_BODY CALL_ON_IRQ_STACK nmi_body
#else
#define CALL_NMI_BODY movq %rsp, %rdi; call nmi_body
#endif

/* --- at any instruction ------------------------------------------------------------------------------------------ */

/* The base of this CPU's data into %rax, by the CPU's number: the limit of a descriptor that each CPU's GDT has for that.
 * TSC_AUX has the number as well, unless it is lent to a guest. Clobbers %rcx, %rdx. */
.macro FIND_PER_CPU
#ifdef DEFECT_CPU_NUMBER_BY_TSC_AUX
        rdtscp
#else
        movl $GATECRASH_CPU_NUMBER, %ecx
        lsl %ecx, %ecx
#endif
        movq per_cpu_bases(, %rcx, 8), %rax
.endm

/* What is in use is unknown: the kernel's page tables and GS base, or the user's. %r14 keeps CR3, %rbx what undoes the
 * rest. Clobbers %rax, %rcx, %rdx. */
.macro ENTER_PARANOID
        CLEAR_FLAGS
        movq %cr3, %r14
#ifndef DEFECT_PARANOID_KEEPS_CR3
        testq $GATECRASH_USER_ROOT, %r14
        jz .Lroot\@
        TO_KERNEL_CR3 %rax
.Lroot\@:
#endif
#if defined(PER_CPU_BY_NUMBER)
        rdgsbase %rbx
        FIND_PER_CPU
        wrgsbase %rax
#elif defined(DEFECT_PARANOID_BY_CS)
        xorl %ebx, %ebx
        testb $3, GATECRASH_FRAME_CS(%rsp)
        jz .Lgs\@
        swapgs
        incl %ebx
.Lgs\@:
#elif defined(SIGN_OF_GS)
        ENTER_PARANOID_GS
#elif defined(FLAG_IN_BL)
        // %bl becomes 1 if the GS base is the kernel's already; the rest of %rbx stays the interrupted context's.
        movl $MSR_GS_BASE, %ecx
        rdmsr
        testl %edx, %edx
        sets %bl
        js .Lgs\@
        swapgs
.Lgs\@:
#else
        rdgsbase %rbx
        movq $per_cpu, %rax
        wrgsbase %rax
#endif
.endm

.macro EXIT_PARANOID
#if defined(DEFECT_PARANOID_BY_CS) || defined(SIGN_OF_GS)
        EXIT_PARANOID_GS
#elif defined(FLAG_IN_BL)
#ifdef DEFECT_FLAG_TESTED_IN_EBX
        testl %ebx, %ebx
#else
        testb %bl, %bl
#endif
        jnz .Lgs\@
        swapgs
.Lgs\@:
#else
        wrgsbase %rbx
#endif
#if !defined(DEFECT_PARANOID_RETURNS_ON_KERNEL_CR3) && !defined(WITHOUT_PAGE_TABLE_ISOLATION)
        testq $GATECRASH_USER_ROOT, %r14
        jz .Lroot\@
        movq %r14, %cr3
.Lroot\@:
#endif
.endm

#endif
