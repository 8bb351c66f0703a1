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

/* Writes a constant to an MSR; `low` and `high` are its halves. Clobbers RAX, RCX, RDX. */
.macro WRITE_MSR msr low high
        movl $\msr, %ecx
        movq $(\low), %rax
        movl $(\high), %edx
        wrmsr
.endm

/* Saves the registers that the C ABI requires a function to preserve. A workload's function that uses FILL_REGISTERS
 * needs this. */
.macro SAVE_CALLEE_SAVED
        pushq %rbx
        pushq %rbp
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
.endm

/* Undoes SAVE_CALLEE_SAVED. */
.macro RESTORE_CALLEE_SAVED
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbp
        popq %rbx
.endm

/* Saves every general register except RDI, which the caller has pushed already. Changes no register but RSP. */
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

/* Undoes SAVE_REGS_BUT_RDI, and leaves RSP at the saved RDI. */
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

/* Saves every general register below the error code. Changes no register but RSP. */
.macro SAVE_REGS
        pushq %rdi
        SAVE_REGS_BUT_RDI
.endm

/* Undoes SAVE_REGS and drops the error code. Leaves RSP at the IRETQ frame. */
.macro RESTORE_REGS
        RESTORE_REGS_BUT_RDI
        popq %rdi
        addq $8, %rsp
.endm

/* Calls a body with (frame, vector). RSP is at the frame. Clobbers the registers that the C ABI lets a call clobber. */
.macro CALL_BODY body vector
        cld
        movq %rsp, %rdi
        movl $\vector, %esi
        CALL_OUTSIDE \body
.endm

/* Switches to the kernel's GS base if the current base is not negative, and so not a kernel's. For handlers that do not
 * know the GS base, such as an NMI's. Sets %ebx to 1 if it executed SWAPGS, which EXIT_PARANOID_GS undoes, else to 0.
 * Clobbers %rax, %rcx, %rdx. */
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

/* Handles an event that can arrive at any instruction and has its own stack. RSP is at the frame's error code. */
.macro ENTRY_PARANOID body vector
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY \body \vector
        EXIT_PARANOID_GS
        RESTORE_REGS
        iretq
.endm

/* Moves the CPU's frame, where RSP is, from an IST stack to the interrupted stack, and RSP with it. This frees the IST
 * stack, so the same vector may arrive again. The task stack is empty if the CPU interrupted user code, or a SYSCALL
 * entry that still has the user's RSP. The frame then moves there. The macro does not recognise a user's RSP that looks
 * like a kernel address. No event that uses the same IST stack may arrive before the macro ends. Changes no register
 * but RSP. */
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
        andq $~15, %rax                 // aligns RSP, as the CPU does before it pushes a frame
        movq %rax, %rsp
        pushq 48(%rdx)
        pushq 40(%rdx)
        pushq 32(%rdx)
        pushq 24(%rdx)
        pushq 16(%rdx)
        movq 8(%rdx), %rax
        movq (%rdx), %rdx
.endm

/* Handles a plain exception or interrupt, which has no IST stack. The interrupted CS says whether SWAPGS is needed. RSP
 * is at the frame's error code. */
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

/* Moves the CPU's frame, where RSP is, to the task stack, so that the stack of this entry is free again. Requires an
 * entry from CPL 3, and the kernel's GS base. Changes no register but RSP. Uses %gs:8, which is free here: only
 * SYSCALL's entry uses it, and at CPL 0. */
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

/* Enters an NMI. From CPL 0 it handles the NMI and returns. From CPL 3 it runs the body on the task stack and continues
 * after the macro, with RSP at the frame. */
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

/* Runs the body of an external interrupt, which has no IST stack. RSP is at the vector, which takes the place of an
 * error code. Leaves RSP at the IRETQ frame, with the kernel's GS base. */
.macro IRQ_BODY
        testb $3, 16(%rsp)
        jz .Lkernel_irq\@
        swapgs
.Lkernel_irq\@:
        SAVE_REGS
        cld
        movq %rsp, %rdi
        movl GATECRASH_FRAME_ERROR(%rsp), %esi
        CALL_OUTSIDE event_body
        RESTORE_REGS
.endm

/* Builds the frame of a system call and runs its body. Expects the user's RIP in RCX, RFLAGS in R11 and RSP at GS:8, and
 * RSP at the top of the task's stack. Leaves RSP at the frame. */
.macro SYSCALL_BODY
        pushq $GATECRASH_USER_SS
        pushq %gs:8
        pushq %r11
        pushq $GATECRASH_USER_CS
        pushq %rcx
        pushq $0
        SAVE_REGS
        cld
        movq %rsp, %rdi
        CALL_OUTSIDE syscall_body
.endm

/* Enters SYSCALL and runs its body. Expects the user's RIP in RCX and RFLAGS in R11, the user's RSP and GS base, and
 * interrupts off (FMASK). Leaves RSP at the frame. */
.macro ENTER_SYSCALL
        swapgs
        movq %rsp, %gs:8
        movq %gs:0, %rsp
        SYSCALL_BODY
.endm

/* Returns to the code that executed SYSCALL, with RIP, RFLAGS and RSP from the frame that ENTER_SYSCALL built. RSP is
 * at the frame. */
.macro EXIT_BY_SYSRET
        RESTORE_REGS
        movq (%rsp), %rcx
        movq 16(%rsp), %r11
        movq 24(%rsp), %rsp
        swapgs
        sysretq
.endm

/* Ends the run on a vector that nobody expects. Assumes nothing about GS, and never returns. RSP is at the frame's
 * error code. */
.macro ENTRY_FATAL vector
        SAVE_REGS
        CALL_BODY fatal_body \vector
        ud2                             // tells `gatecrash check` that the call does not return
.endm

/* The TSS (SDM volume 3, "64-Bit Task State Segment"; APM volume 2, 12.2.5). The runtime's TSS is read-only, like all
 * tables. A guest that changes IST entries defines its own symbol `tss` in writable memory. */
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

/* Gives every general register except RSP a pattern of its own, so that the checks notice a register that the entry
 * code loses. For workloads. */
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
