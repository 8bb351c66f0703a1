// The reference entry: SYSCALL, and its return by SYSRET where nobody can tell it from one by IRET.
#include "calling.h"

#ifdef DEFECT_SLOW_RETURN_RELOADS_RCX_R11
#define SLOW_RETURN slow_return
#else
#define SLOW_RETURN return_to_user
#endif

// The flags that SYSRET does not load as IRET does.
#if defined(DEFECT_SYSRET_WITH_RF)
#define IRET_FLAGS RFLAGS_TF
#elif defined(DEFECT_SYSRET_WITH_TF)
#define IRET_FLAGS RFLAGS_RF
#else
#define IRET_FLAGS (RFLAGS_RF | RFLAGS_TF)
#endif

        .section .entry.text, "ax"

// RCX and R11 are the user's RIP and RFLAGS; user RSP, user GS base, user page tables, interrupts off (FMASK).
        .globl entry_syscall
        .type entry_syscall, @function
entry_syscall:
        swapgs
        movq %rsp, USER_RSP
#ifdef DEFECT_CLI_INSTEAD_OF_FMASK
        cli
#endif
        TO_KERNEL_CR3 %rsp
        movq TASK_STACK_TOP, %rsp
#ifdef DEFECT_STI_BEFORE_USER_RSP
        sti
#endif
        pushq $GATECRASH_USER_SS
        pushq USER_RSP
        pushq %r11
        pushq $GATECRASH_USER_CS
        pushq %rcx
        pushq $0
        pushq %rdi
        SAVE_REGS_BUT_RDI
        movq %rsp, %rdi
        .globl syscall_entered
syscall_entered:
        call syscall_entry_body

// SYSRET loads RIP from RCX, RFLAGS from R11, and CS and SS with constants. It is taken only if that is what the frame
// says, and if SYSRET has no surprise: Intel's faults at CPL 0 on a RIP that is not canonical, it clears RF, and with TF
// it traps before the user's first instruction.
        .globl syscall_exit
syscall_exit:
        movq GATECRASH_FRAME_RCX(%rsp), %rcx
        movq GATECRASH_FRAME_R11(%rsp), %r11
#ifndef DEFECT_SYSRET_ANY_RCX
        cmpq %rcx, GATECRASH_FRAME_RIP(%rsp)
        jne SLOW_RETURN
#endif
#ifndef DEFECT_SYSRET_ANY_RIP
        // Canonical, and the user's: bits 63 to 47 are zero.
        movq GATECRASH_FRAME_RIP(%rsp), %rdx
        shrq $47, %rdx
        jnz SLOW_RETURN
#endif
#ifndef DEFECT_SYSRET_ANY_CS
        cmpq $GATECRASH_USER_CS, GATECRASH_FRAME_CS(%rsp)
        jne SLOW_RETURN
#endif
#ifndef DEFECT_SYSRET_ANY_R11
        cmpq %r11, GATECRASH_FRAME_RFLAGS(%rsp)
        jne SLOW_RETURN
#endif
        testl $IRET_FLAGS, GATECRASH_FRAME_RFLAGS(%rsp)
        jnz SLOW_RETURN
#ifndef DEFECT_SYSRET_ANY_SS
        cmpq $GATECRASH_USER_SS, GATECRASH_FRAME_SS(%rsp)
        jne SLOW_RETURN
#endif

        .globl return_by_sysret
return_by_sysret:
        RESTORE_REGS_BUT_RDI
#if defined(DEFECT_SYSRET_ANY_RCX)
        movq 16(%rsp), %rcx
#endif
#if defined(DEFECT_SYSRET_ANY_R11) || defined(DEFECT_SYSRET_WITH_RF)
        movq 32(%rsp), %r11
#endif
#ifdef DEFECT_SYSRET_WITH_RF
        andq $~RFLAGS_RF, %r11          // for emulators whose SYSRET loads RF
#endif
        movq %rsp, %rdi
        leaq entry_stack_top(%rip), %rsp
        pushq 40(%rdi)
        pushq (%rdi)
        TO_USER_CR3 %rdi
        popq %rdi
        popq %rsp
        swapgs
        .globl return_sysret
return_sysret:
        sysretq

#ifdef DEFECT_SLOW_RETURN_RELOADS_RCX_R11
// The IRET gives back what SYSCALL has in RCX and R11, not what the frame has.
slow_return:
        movq GATECRASH_FRAME_RIP(%rsp), %rcx
        movq %rcx, GATECRASH_FRAME_RCX(%rsp)
        movq GATECRASH_FRAME_RFLAGS(%rsp), %r11
        movq %r11, GATECRASH_FRAME_R11(%rsp)
        jmp return_to_user
#endif
