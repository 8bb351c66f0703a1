/* Entry macros: one for each way of entering.
 *
 * The frame that a body gets, from high to low addresses:
 *
 *      SS  RSP  RFLAGS  CS  RIP      pushed by the CPU
 *      error code                    pushed by the CPU, or 0 by the stub
 *      RDI RSI RDX RCX RAX R8..R15   pushed by SAVE_REGS
 */
#ifndef GATECRASH_GUEST_ENTRY_H
#define GATECRASH_GUEST_ENTRY_H

#ifdef __i386__
#error "gatecrash/entry.h is for 64-bit guests: include gatecrash/entry32.h, or use the package gatecrash-guest"
#endif

#include "entry_common.h"

#ifdef __ASSEMBLER__

/* Saves what the C ABI makes a function keep, as one of a workload that uses FILL_REGISTERS has to. */
.macro SAVE_CALLEE_SAVED
        pushq %rbx
        pushq %rbp
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
.endm

/* The reverse of SAVE_CALLEE_SAVED. */
.macro RESTORE_CALLEE_SAVED
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbp
        popq %rbx
.endm

/* Saves every general register but RDI, which was pushed first. Keeps all of them. */
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

/* Saves every general register below the error code. Keeps all of them. */
.macro SAVE_REGS
        pushq %rdi
        SAVE_REGS_BUT_RDI
.endm

/* The reverse of SAVE_REGS, and drops the error code: RSP is at the IRETQ frame. */
.macro RESTORE_REGS
        RESTORE_REGS_BUT_RDI
        popq %rdi
        addq $8, %rsp
.endm

/* Calls a body with (frame, vector). RSP is at the frame. Clobbers what the C ABI lets a call clobber. */
.macro CALL_BODY body vector
        cld
        movq %rsp, %rdi
        movl $\vector, %esi
        call \body
.endm

/* GS base unknown, as in an NMI: %ebx becomes 1 if SWAPGS was needed, which EXIT_PARANOID_GS undoes. A kernel GS base
 * is negative. Clobbers %rax, %rcx, %rdx. */
.macro ENTER_PARANOID_GS
        xorl %ebx, %ebx
        movl $MSR_GS_BASE, %ecx
        rdmsr
        testl %edx, %edx
        js .Lparanoid\@
        swapgs
        incl %ebx
.Lparanoid\@:
.endm

.macro EXIT_PARANOID_GS
        testl %ebx, %ebx
        jz .Lparanoid\@
        swapgs
.Lparanoid\@:
.endm

/* What may come at any instruction, on a stack of its own. RSP is at the frame's error code. */
.macro ENTRY_PARANOID body vector
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY \body \vector
        EXIT_PARANOID_GS
        RESTORE_REGS
        iretq
.endm

/* Moves the frame that the CPU pushed on an IST stack, where RSP is, to the stack that was interrupted, and RSP with it. So
 * the same vector may come again: the IST stack is free. Interrupted user code, or a SYSCALL that has the user's RSP, leaves
 * the task stack empty; a user's RSP that is a kernel address is not recognised as such. Nothing may come that uses the
 * same IST stack before the macro ends. Keeps all registers. */
.macro LEAVE_IST_STACK
        pushq %rax
        pushq %rdx
        movq %rsp, %rdx
        testb $3, 24(%rdx)
        jnz .Ltask_stack\@
        movq 40(%rdx), %rax
        testq %rax, %rax
        js .Linterrupted_stack\@
.Ltask_stack\@:
        movq $task_stack_top, %rax
.Linterrupted_stack\@:
        andq $~15, %rax                 // as the CPU does before it pushes a frame
        movq %rax, %rsp
        pushq 48(%rdx)
        pushq 40(%rdx)
        pushq 32(%rdx)
        pushq 24(%rdx)
        pushq 16(%rdx)
        movq 8(%rdx), %rax
        movq (%rdx), %rdx
.endm

/* A plain exception or interrupt, without IST: whether SWAPGS is due can be read off the interrupted CS. RSP is at the
 * frame's error code. */
.macro ENTRY_PLAIN body vector
        testb $3, 16(%rsp)
        jz .Lkernel_in\@
        swapgs
.Lkernel_in\@:
        SAVE_REGS
        CALL_BODY \body \vector
        RESTORE_REGS
        testb $3, 8(%rsp)
        jz .Lkernel_out\@
        swapgs
.Lkernel_out\@:
        iretq
.endm

/* From CPL 3 on a stack of its own, behind SWAPGS: moves the CPU's frame, where RSP is, to the task stack, so that the
 * stack that it came on is free again. Keeps all registers. %gs:8 is free: SYSCALL's entry uses it at CPL 0. */
.macro MOVE_FRAME_TO_TASK_STACK
        movq %rdx, %gs:8
        movq %rsp, %rdx
        movq %gs:0, %rsp
        pushq 32(%rdx)
        pushq 24(%rdx)
        pushq 16(%rdx)
        pushq 8(%rdx)
        pushq (%rdx)
        movq %gs:8, %rdx
.endm

/* An NMI's entry that, from CPL 3, goes on behind this macro with its body done on the task stack: RSP is at the frame. */
.macro ENTER_NMI_ON_TASK_STACK
        testb $3, 8(%rsp)
        jnz nmi_from_user
        pushq $0
        ENTRY_PARANOID event_body GATECRASH_VECTOR_NMI

        .globl nmi_from_user
nmi_from_user:
        swapgs
        MOVE_FRAME_TO_TASK_STACK
        pushq $0
        SAVE_REGS
        CALL_BODY event_body GATECRASH_VECTOR_NMI
.endm

/* The body of an external interrupt, without IST. RSP is at the vector, which stands where an error code would. Afterwards RSP
 * is at the IRETQ frame, with the kernel's GS base. */
.macro IRQ_BODY
        testb $3, 16(%rsp)
        jz .Lkernel_irq\@
        swapgs
.Lkernel_irq\@:
        SAVE_REGS
        cld
        movq %rsp, %rdi
        movl GATECRASH_FRAME_ERROR(%rsp), %esi
        call event_body
        RESTORE_REGS
.endm

/* SYSCALL up to and with its body: RCX and R11 are the user's RIP and RFLAGS; user RSP, user GS base, interrupts off
 * (FMASK). Afterwards RSP is at the frame. */
.macro ENTER_SYSCALL
        swapgs
        movq %rsp, %gs:8
        movq %gs:0, %rsp
        pushq $GATECRASH_USER_SS
        pushq %gs:8
        pushq %r11
        pushq $GATECRASH_USER_CS
        pushq %rcx
        pushq $0
        SAVE_REGS
        cld
        movq %rsp, %rdi
        call syscall_body
.endm

/* Back to what was entered by SYSCALL, through a frame made of its RCX, R11 and the user's RSP. RSP is at the frame. */
.macro EXIT_BY_SYSRET
        RESTORE_REGS
        movq (%rsp), %rcx
        movq 16(%rsp), %r11
        movq 24(%rsp), %rsp
        swapgs
        sysretq
.endm

/* A vector that ends the run: no assumption about GS, and no way back. RSP is at the frame's error code. */
.macro ENTRY_FATAL vector
        SAVE_REGS
        CALL_BODY fatal_body \vector
.endm

/* The TSS (SDM volume 3, "64-Bit Task State Segment"; APM volume 2, 12.2.5). The runtime's is read-only, like all tables; a
 * guest that changes IST entries defines its own, by the symbol `tss`, where it can be written. */
.macro TSS ist5=0
2:
        .long 0
        .quad tss_rsp0                  // RSP0
        .quad 0, 0                      // RSP1, RSP2
        .quad 0
        .quad nmi_stack_top             // IST 1
        .quad db_stack_top              // IST 2
        .quad df_stack_top              // IST 3
        .quad mc_stack_top              // IST 4
        .quad \ist5, 0, 0              // IST 5-7
        .quad 0
        .word 0
        .word 1f - 2b
1:      IO_BITMAP
        tss_limit = . - 2b - 1
.endm

/* For a workload: gives every general register a pattern of its own, so that one that got lost is seen. */
.macro FILL_REGISTERS
        movabsq $0xa0a1a2a3a4a5a6a7, %rax
        movabsq $0xb0b1b2b3b4b5b6b7, %rbx
        movabsq $0xc0c1c2c3c4c5c6c7, %rcx
        movabsq $0xd0d1d2d3d4d5d6d7, %rdx
        movabsq $0xe0e1e2e3e4e5e6e7, %rsi
        movabsq $0xf0f1f2f3f4f5f6f7, %rdi
        movabsq $0x1011121314151617, %rbp
        movabsq $0x8081828384858687, %r8
        movabsq $0x9091929394959697, %r9
        movabsq $0x0a0b0c0d0e0f0a0b, %r10
        movabsq $0x1a1b1c1d1e1f1a1b, %r11
        movabsq $0x2a2b2c2d2e2f2a2b, %r12
        movabsq $0x3a3b3c3d3e3f3a3b, %r13
        movabsq $0x4a4b4c4d4e4f4a4b, %r14
        movabsq $0x5a5b5c5d5e5f5a5b, %r15
.endm

#endif
#endif
