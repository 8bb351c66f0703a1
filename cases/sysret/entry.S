// SYSCALL and its way out; #GP, which may come of that; and NMIs. pages/ tells what goes wrong.
//
// Switch:
//   CANONICAL_BITS    SYSRET only to addresses that are canonical if they have that many bits, IRET to others
//
// What is the same in all variants: an IRET to user code that faults is a fault of user code (as by an exception table),
// and an NMI that interrupted user code returns like any other handler, by that IRET.
#include "entry.h"

        .text
        .globl entry_syscall
        .type entry_syscall, @function
entry_syscall:
        ENTER_SYSCALL
#ifdef CANONICAL_BITS
        movq GATECRASH_FRAME_RIP(%rsp), %rcx
        movq %rcx, %rax
        shlq $(64 - CANONICAL_BITS), %rax
        sarq $(64 - CANONICAL_BITS), %rax
        cmpq %rcx, %rax
        jne exit_by_iret
#endif
        .globl exit_by_sysret
exit_by_sysret:
        EXIT_BY_SYSRET

// Back to user code. RSP is at the Frame.
        .globl exit_by_iret
exit_by_iret:
        RESTORE_REGS
        swapgs
        .globl user_iret
user_iret:
        iretq

// #GP: of user code, or of the IRET to it, which is the same to who waits for the signal. The kernel itself has none.
        .globl entry_gp
        .type entry_gp, @function
entry_gp:
        testb $3, 16(%rsp)
        jnz gp_of_user
        cmpq $user_iret, 8(%rsp)
        je gp_of_iret
        ENTRY_FATAL GATECRASH_VECTOR_GP

        .globl gp_of_iret
gp_of_iret:
        movq 32(%rsp), %rsp             // at the frame that the IRET could not use
        pushq $0
gp_of_user:
        swapgs
        SAVE_REGS
        CALL_BODY event_body GATECRASH_VECTOR_GP
        movq $user_signal, GATECRASH_FRAME_RIP(%rsp)
        jmp exit_by_iret

        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        ENTER_NMI_ON_TASK_STACK
        jmp exit_by_iret
