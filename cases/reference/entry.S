// The reference entry: exceptions and interrupts. NMIs are in nmi.S, SYSCALL in syscall.S.
//
// Everything here lies in the entry area, which both page-table roots map, and runs with interrupts off. From CPL 3 the
// CPU switches to the entry stack; ENTER_FROM_USER goes on to the task stack, and bodies run there. From CPL 0 they run
// on the stack that was interrupted. Vectors that may come where neither CR3 nor the GS base is known have an IST stack.
#include "calling.h"

        .globl rsp0_is_entry_stack
        rsp0_is_entry_stack = 1

#ifdef DEFECT_BP_ON_IST
        .globl ist_of_bp
        ist_of_bp = GATECRASH_IST_DB
#endif
#ifdef DEFECT_DB_WITHOUT_IST
        .globl ist_of_db
        ist_of_db = 0
#endif
#if defined(INT1_FROM_USER) || defined(DEFECT_DB_GATE_OF_DPL_3)
        .globl dpl_of_db
        dpl_of_db = 3
#endif

#ifndef DEFECT_BREAKPOINTS_ANYWHERE
        .section .rodata
        .globl breakpoints_refused
        .balign 8
breakpoints_refused:
#ifdef MOV_SS_BEFORE_INT3
        .quad .Lbehind_first_of_bp, entry_text_end
#else
        .quad noinstr_text_begin, entry_text_end
#endif
#endif

        .section .entry.text, "ax"

// An exception without IST. RSP is at the frame's error code.
.macro EXCEPTION vector:req
        cld
        testb $3, 16(%rsp)
        jnz 1f
        SAVE_REGS
        movq %rsp, %rdi
        movl $\vector, %esi
        call exception_body
        jmp return_to_kernel
1:      ENTER_FROM_USER
        movq %rsp, %rdi
        movl $\vector, %esi
        call exception_body
        jmp return_to_user
.endm

// One that may also be the IRET's to user code, or a load of a segment with the user's GS base.
.macro EXCEPTION_OF_EXIT vector:req
        cld
        testb $3, 16(%rsp)
        jnz 1f
        SAVE_REGS
        movl $\vector, %esi
        jmp fault_in_kernel
1:      ENTER_FROM_USER
        movq %rsp, %rdi
        movl $\vector, %esi
        call exception_body
        jmp return_to_user
.endm

// On an IST stack, at any instruction. From CPL 3 it is like any other exception.
.macro EXCEPTION_ANYWHERE vector:req
        cld
        testb $3, 16(%rsp)
        jnz 1f
        SAVE_REGS
        ENTER_PARANOID
        movq %rsp, %rdi
        movl $\vector, %esi
        call paranoid_body
        EXIT_PARANOID
        RESTORE_REGS
        iretq
1:      ENTER_FROM_USER
        movq %rsp, %rdi
        movl $\vector, %esi
        call exception_body
        jmp return_to_user
.endm

// From CPL 0 the interrupted stack ends right above the frame, and what this handler stands for may push to it. So the
// frame is given up for a copy below it. RSP is at the error code.
.macro GAP_TO_INTERRUPTED_STACK
        testb $3, 16(%rsp)
        jnz .Lgap\@
        .rept 6
        pushq 40(%rsp)                  // SS, RSP, RFLAGS, CS, RIP, error code
        .endr
.Lgap\@:
.endm

.macro ENTRY name:req
        .globl \name
        .type \name, @function
\name:
.endm

ENTRY entry_db
        pushq $0
        EXCEPTION_ANYWHERE GATECRASH_VECTOR_DB
ENTRY entry_bp
        pushq $0
.Lbehind_first_of_bp:
#ifdef DEFECT_BP_ON_IST
        EXCEPTION_ANYWHERE GATECRASH_VECTOR_BP
#else
#ifndef DEFECT_BP_WITHOUT_GAP
        GAP_TO_INTERRUPTED_STACK
#endif
        EXCEPTION GATECRASH_VECTOR_BP
#endif
ENTRY entry_ud
        pushq $0
        EXCEPTION GATECRASH_VECTOR_UD
ENTRY entry_np
        EXCEPTION_OF_EXIT GATECRASH_VECTOR_NP
ENTRY entry_ss
        EXCEPTION_OF_EXIT GATECRASH_VECTOR_SS
ENTRY entry_gp
        EXCEPTION_OF_EXIT GATECRASH_VECTOR_GP
ENTRY entry_pf
        EXCEPTION GATECRASH_VECTOR_PF
ENTRY entry_mc
        pushq $0
        EXCEPTION_ANYWHERE GATECRASH_VECTOR_MC

// The vector stands where an error code would.
ENTRY entry_irq
#ifdef DEFECT_INT3_IN_ENTRY
        int3
#endif
        cld
        testb $3, 16(%rsp)
        jnz 1f
        SAVE_REGS
        movq %rsp, %rdi
        call interrupt_body
        jmp return_to_kernel
1:      ENTER_FROM_USER
        movq %rsp, %rdi
        call interrupt_body
        jmp return_to_user

// A fault at CPL 0, its vector in %esi. If it is the exit's IRET that faulted, the user asked for what cannot be
// returned to, and the fault is the user's: everything but the IRET frame is the user's already.
//
//      SS RSP RFLAGS CS RIP      of the IRET; RSP leads to the IRET frame that it faulted on
//      error code, registers     RSP is here, on the entry stack
ENTRY fault_in_kernel
#ifndef DEFECT_NO_IRET_FIXUP
        leaq return_iret(%rip), %rax
        cmpq %rax, GATECRASH_FRAME_RIP(%rsp)
        je fault_of_return
#endif
        movq %rsp, %rdi
        call exception_body
        jmp return_to_kernel

// Makes a frame on the task stack as if the instruction that was to be returned to had faulted.
ENTRY fault_of_return
        swapgs
        TO_KERNEL_CR3 %rax
        movq %rsp, %rdi
        movq TASK_STACK_TOP, %rsp
        movq FRAME_RSP(%rdi), %rax
        PUSH_IRET_FRAME (%rax)
        word = GATECRASH_FRAME_ERROR
        .rept 16
        pushq word(%rdi)
        word = word - 8
        .endr
        movq %rsp, %rdi
#ifdef DEFECT_RETURN_FAULT_IS_THE_KERNELS
        call exception_body_without_context
#else
        call exception_body
#endif
        jmp return_to_user

ENTRY return_to_kernel
        RESTORE_REGS
        iretq

// The way back to CPL 3 that can restore everything. RSP is at the frame, on the task stack. The last part runs on the
// entry stack, since that is mapped on the user's page tables.
ENTRY return_to_user
        RESTORE_REGS_BUT_RDI
        movq %rsp, %rdi
        leaq entry_stack_top(%rip), %rsp
        PUSH_IRET_FRAME 16(%rdi)
        pushq (%rdi)
#ifndef DEFECT_RETURNS_ON_KERNEL_CR3
        TO_USER_CR3 %rdi
#endif
        popq %rdi
        swapgs
        .globl return_iret
return_iret:
        iretq

// The first return to user code, with its IRET frame at RSP.
        .text
ENTRY boot_to_user
        movq %cr4, %rax
        orq $CR4_FSGSBASE, %rax
        movq %rax, %cr4
        // A debugger has breakpoints: LE and GE say so, the harness plays the breakpoint (docs/limits.md).
        movl $DR7_ARMED, %eax
        movq %rax, %dr7
        pushq $0
        SAVE_REGS
        jmp return_to_user
