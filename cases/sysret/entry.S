// The entry and exit of SYSCALL, the #GP that the exit may raise, and NMIs. The pages in pages/ explain what goes
// wrong.
//
// Switch:
//   CANONICAL_BITS    returns by SYSRET only to addresses that are canonical with that many bits, else by IRET
//
// All variants treat a fault of the IRET to user code as a fault of user code, as an exception table does. An NMI that
// interrupted user code returns by that IRET, like any other handler.
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

// Returns to user code by IRET. RSP is at the Frame.
        .globl exit_by_iret
exit_by_iret:
        RESTORE_REGS
        swapgs
        .globl user_iret
user_iret:
        iretq

// Handles a #GP of user code, or of the IRET to it, for which the task gets the same signal. Any other #GP of the
// kernel ends the run.
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
        movq 32(%rsp), %rsp             // moves RSP to the frame that the IRET could not use
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
