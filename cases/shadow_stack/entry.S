// An entry that runs on shadow stacks. The CPU switches them together with stacks. An event from CPL 3 takes the one of
// PL0_SSP. An event with an IST entry takes one of the interrupt SSP table. SYSCALL switches neither, and clears SSP.
//
// Switches:
//   RESTART_IN_FRAME_ONLY       an NMI that makes an exit check again changes its frame, not the shadow stack
//   FIXUP_IN_FRAME_ONLY         a page fault that ends an access to user memory changes its frame only
//   NMI_TOKEN_STAYS_BUSY        an NMI from CPL 3 leaves its shadow stack, but not the token free
//   BREAKPOINT_ON_IST           an NMI from CPL 0 takes a breakpoint as well, on its IST stack
//   INTERRUPTS_BEFORE_SSP       the entry of SYSCALL turns interrupts on before it has a shadow stack
//   INTERRUPTS_WITHOUT_SSP      its exit turns interrupts off after it has left its shadow stack
//   TASK_TOKEN_STAYS_BUSY       its exit leaves the token busy
//   SHARED_SHADOW_STACK         NMI and #MC have one shadow stack
#include "entry.h"
#include "shadow_stacks.h"

#ifdef SHARED_SHADOW_STACK
        DEFINE_SHADOW_STACKS nmi_shadow_token
#else
        DEFINE_SHADOW_STACKS
#endif

        .section .data, "aw"
        .balign 8
work_postponed:
        .quad 0

        .section .entry.text, "ax"
        .globl boot_to_user
        .type boot_to_user, @function
boot_to_user:
        ENABLE_SHADOW_STACKS
        swapgs
        iretq

// SYSCALL: no stack and no shadow stack yet. An event without an IST entry would find SSP 0.
        .globl entry_syscall
        .type entry_syscall, @function
entry_syscall:
        swapgs
        movq %rsp, %gs:8
        movq %gs:0, %rsp
#ifdef INTERRUPTS_BEFORE_SSP
        sti
        nop
        .globl syscall_takes_shadow_stack
syscall_takes_shadow_stack:
#endif
        setssbsy
        .globl syscall_has_shadow_stack
syscall_has_shadow_stack:
        SYSCALL_BODY
        RESTORE_REGS
        .globl syscall_leaves_shadow_stack
syscall_leaves_shadow_stack:
#ifndef INTERRUPTS_WITHOUT_SSP
        cli
#endif
#ifndef TASK_TOKEN_STAYS_BUSY
        clrssbsy task_shadow_token
#endif
        .globl syscall_left_shadow_stack
syscall_left_shadow_stack:
#ifdef INTERRUPTS_WITHOUT_SSP
        cli
#endif
        movq (%rsp), %rcx
        movq 16(%rsp), %r11
        movq 24(%rsp), %rsp
        swapgs
        sysretq

// NMI: on IST 1, with the shadow stack of entry 1.
        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        testb $3, 8(%rsp)
        jnz nmi_from_user

// From CPL 0, an NMI stays on its stacks. If it interrupted the last instructions of an interrupt, it leaves work for
// that interrupt's exit, which must check again.
        .globl nmi_from_kernel
nmi_from_kernel:
        pushq $0
        SAVE_REGS
        ENTER_PARANOID_GS
        CALL_BODY event_body GATECRASH_VECTOR_NMI
#ifdef BREAKPOINT_ON_IST
        .globl nmi_breakpoint
nmi_breakpoint:
        int3
        .globl nmi_after_breakpoint
nmi_after_breakpoint:
#endif
        cmpq $irq_exit, GATECRASH_FRAME_RIP(%rsp)
        jb 1f
        cmpq $irq_iret, GATECRASH_FRAME_RIP(%rsp)
        ja 1f
        movb $1, work_postponed
#ifdef RESTART_IN_FRAME_ONLY
        movq $irq_exit, GATECRASH_FRAME_RIP(%rsp)
#else
        SET_RETURN_ADDRESS irq_exit
#endif
1:      EXIT_PARANOID_GS
        RESTORE_REGS
        .globl nmi_iret
nmi_iret:
        iretq

// From CPL 3, an NMI moves to the task stack and its shadow stack. Then it takes a breakpoint, whose IRET unmasks NMIs.
        .globl nmi_from_user
nmi_from_user:
        swapgs
        MOVE_FRAME_TO_TASK_STACK
#ifndef NMI_TOKEN_STAYS_BUSY
        clrssbsy nmi_shadow_token
#endif
        setssbsy
        .globl nmi_on_task_stack
nmi_on_task_stack:
        pushq $0
        SAVE_REGS
        CALL_BODY event_body GATECRASH_VECTOR_NMI
        int3
        .globl nmi_unmasked
nmi_unmasked:
        RESTORE_REGS
        swapgs
        iretq

// External interrupts: on the task stack.
        .globl entry_irq
        .type entry_irq, @function
entry_irq:
        IRQ_BODY
        testb $3, 8(%rsp)
        jz irq_exit
        swapgs
// All registers are the interrupted context's, and RSP is at its frame.
        .globl irq_exit
irq_exit:
        cmpb $0, work_postponed
        .globl irq_exit_jump
irq_exit_jump:
        jne irq_work_postponed
        .globl irq_iret
irq_iret:
        iretq
        .globl irq_work_postponed
irq_work_postponed:
        movb $0, work_postponed
        jmp irq_exit

// #PF: a fault of the access to user memory ends it. User code causes none.
        .globl entry_pf
        .type entry_pf, @function
entry_pf:
        testb $3, 16(%rsp)
        jnz pf_from_user
        SAVE_REGS
        CALL_BODY event_body GATECRASH_VECTOR_PF
#ifdef FIXUP_IN_FRAME_ONLY
        movq $user_access_failed, GATECRASH_FRAME_RIP(%rsp)
#else
        SET_RETURN_ADDRESS user_access_failed
#endif
        RESTORE_REGS
        .globl pf_iret
pf_iret:
        iretq
pf_from_user:
        ENTRY_FATAL GATECRASH_VECTOR_PF
