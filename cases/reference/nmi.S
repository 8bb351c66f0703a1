// The reference entry: NMIs. From CPL 3 an NMI is an exception like others, but for the work of the exit. From CPL 0 the
// CPU starts at the top of the NMI stack each time, also if an NMI is being handled whose handler took an exception (its
// IRET unmasked NMIs). So the frame is copied out of the CPU's reach, and a nested NMI only has the outer one repeat.
#include "calling.h"
#include "copied_frame.h"

// Of a workload that asks for it, another CPU takes the user's code segment away meanwhile (modify_ldt). The frame of the
// final IRET is at RSP + `frame`.
.macro USERS_CODE_GOES frame:req
#ifdef CODE_GOES_DURING_NMI
        cmpq $GATECRASH_USER_CS, 8 + \frame(%rsp)
        jne .Lgoes\@
        movq $GATECRASH_LDT_CODE_ABSENT, 8 + \frame(%rsp)
.Lgoes\@:
#endif
.endm

        .section .entry.text, "ax"

        .globl entry_nmi
        .type entry_nmi, @function
entry_nmi:
        // From here to nmi_repeat the CPU's frame is the only one, or a nested NMI's own: what may interrupt it must not
        // unmask NMIs (entry.S, mc_returns_masked).
#ifndef DEFECT_NMI_FROM_USER_STAYS
        testb $3, 8(%rsp)
        jz nmi_from_kernel
        CLEAR_DF_AND_AC
        pushq %rdi
#ifdef DEFECT_NMI_PUSHES_BEFORE_SWITCH
        pushq %rsi
        popq %rsi
#endif
        swapgs
        TO_KERNEL_CR3 %rdi
        movq %rsp, %rdi
        movq TASK_STACK_TOP, %rsp
        PUSH_IRET_FRAME 8(%rdi)
        pushq $0
        pushq (%rdi)
        SAVE_REGS_BUT_RDI
        CLEAR_FLAGS
        CALL_NMI_BODY
        USERS_CODE_GOES GATECRASH_FRAME_RIP
#ifdef DEFECT_NMI_RETURNS_BY_SYSRET
        jmp syscall_exit
#else
        jmp return_to_user
#endif
#endif

        .globl nmi_from_kernel
nmi_from_kernel:
        pushq %rdx
#ifdef DEFECT_NMI_FROM_USER_STAYS
        testb $3, 16(%rsp)
        jnz nmi_first
#endif
#ifdef DEFECT_NMI_EXPECTS_NO_OTHER
        jmp nmi_first
#endif
        // In the copy the handler is still to come, and `iret` is half written: nothing to do.
        leaq nmi_repeat(%rip), %rdx
        cmpq %rdx, 8(%rsp)
        jb 1f
        leaq nmi_repeat_end(%rip), %rdx
        cmpq %rdx, 8(%rsp)
        jb nmi_nested_out
1:
        cmpq $1, -8(%rsp)
        je nmi_nested
        // Behind the clearing of `executing`: on the NMI stack, with DF set. DF since user code may have put its RSP
        // here and executed SYSCALL, which clears it.
        leaq nmi_stack(%rip), %rdx
        cmpq %rdx, 32(%rsp)
        jb nmi_first
        leaq nmi_stack_top(%rip), %rdx
        cmpq %rdx, 32(%rsp)
        ja nmi_first
#ifndef DEFECT_NMI_NO_DF_MARK
        testb $(RFLAGS_DF >> 8), 25(%rsp)
        jz nmi_first
#endif

        .globl nmi_nested
nmi_nested:
        HAVE_OUTER_NMI_REPEAT
        .globl nmi_nested_out
nmi_nested_out:
        popq %rdx
        iretq

        .globl nmi_first
nmi_first:
        COPY_NMI_FRAME
        pushq $0
        SAVE_REGS
        ENTER_PARANOID
        CALL_NMI_BODY
        USERS_CODE_GOES GATECRASH_FRAME_RIP + IRET_FRAME
        EXIT_PARANOID
        RESTORE_REGS
        addq $IRET_FRAME, %rsp
#ifndef DEFECT_NMI_NO_DF_MARK
        std
#endif
        .globl nmi_clear_executing
nmi_clear_executing:
        movq $0, EXECUTING - IRET_FRAME(%rsp)
#ifdef DEFECT_NMI_FROM_USER_STAYS
        testb $SELECTOR_TI, 32(%rsp)
        jnz nmi_to_ldt_stack
#endif
        .globl nmi_iret
nmi_iret:
        iretq

#ifdef DEFECT_NMI_FROM_USER_STAYS
// The return of everybody, but from the NMI stack.
nmi_to_ldt_stack:
        pushq $0
        pushq %rdi
        swapgs
        TO_KERNEL_CR3 %rdi
        jmp return_to_ldt_stack
#endif
