// The reference entry of 32-bit guests.
//
// The CPU enters from CPL 3 on the entry stack, with the user's page tables. Both are in the entry area, as are this
// text, the tables and the per-CPU data; bodies are not, and run on the task stack and the kernel's page tables. The
// frame goes along: a handler's frame is on the stack that its body runs on, but an NMI's, which stays where it is.
//
//      entry stack, from the top down
//        SS ESP EFLAGS CS EIP    of the user
//        error code, vector, GS FS ES DS, PUSHA
//
// An exception on the way out (a segment that cannot be loaded, the IRET) finds itself on the entry stack again, in the
// kernel. Then all of the entry stack is copied to the task stack for the body, and back for the return; CS's upper
// half, which a CPU need not write, has the marks that say so.
#include "steps.h"

        .globl esp0_is_entry_stack
        esp0_is_entry_stack = 1
#ifndef SYSENTER_STACK
        .globl sysenter_esp_is_entry_stack
        sysenter_esp_is_entry_stack = 1
#else
        .globl sysenter_esp_is_sysenter_stack
        sysenter_esp_is_sysenter_stack = 1
#endif

        .section .entry.text, "ax"

// --- exceptions and interrupts ---------------------------------------------------------------------------------------

.macro EXCEPTION name:req vector:req
ENTRY \name
        pushl $0
        pushl $\vector
        jmp exception
.endm
.macro EXCEPTION_WITH_CODE name:req vector:req
ENTRY \name
        pushl $\vector
        jmp exception
.endm
        EXCEPTION entry_db GATECRASH_VECTOR_DB
        EXCEPTION entry_bp GATECRASH_VECTOR_BP
        EXCEPTION entry_ud GATECRASH_VECTOR_UD
        EXCEPTION_WITH_CODE entry_ts GATECRASH_VECTOR_TS
        EXCEPTION_WITH_CODE entry_np GATECRASH_VECTOR_NP
        EXCEPTION_WITH_CODE entry_ss GATECRASH_VECTOR_SS
        EXCEPTION_WITH_CODE entry_gp GATECRASH_VECTOR_GP
        EXCEPTION_WITH_CODE entry_pf GATECRASH_VECTOR_PF
        EXCEPTION entry_mc GATECRASH_VECTOR_MC

// An external interrupt. Its stub pushed an error code and the vector.
ENTRY entry_irq
        jmp exception

// Any of them, from CPL 3 or CPL 0, on any page tables and with any segments. Vector and error code are on the stack, which
// may be a segment whose ESP is not flat: pushes only. EDX gets the marks.
ENTRY exception
        SAVE_REGS32
        CLEAR_FLAGS
        xorl %edx, %edx
        TO_KERNEL_SEGMENTS
        DIRTY_CS
        TEST_FROM_USER
        jz exception_from_kernel

// ESP is at a frame from CPL 3 on the entry stack.
ENTRY exception_from_user
        ASSERT_USER_CR3
        TO_KERNEL_CR3
        CLEAN_CS
        MEASURE_USER_FRAME
        COPY_TO_TASK_STACK user_frame
        movl %esp, %eax
        call exception_body

// The way back to CPL 3. ESP is at the frame, at the end of the task stack; kernel page tables, interrupts off.
ENTRY return_to_user
        COPY_TO_ENTRY_STACK
        RETURN_TO_USER_CR3
        SET_ESPFIX_POINTER GATECRASH_FRAME32_ESP(%esp)
        popal
// A selector that cannot be loaded is the user's fault: it gets the null one.
ENTRY return_ds
        popl %ds
ENTRY return_es
        popl %es
ENTRY return_fs
        RESTORE_FS
ENTRY return_gs
        popl %gs
        cmpl $GATECRASH_VECTOR_SYSCALL, (%esp)
        je return_by_sysexit
        addl $FROM_VECTOR(EIP), %esp
        CLEAR_BUFFERS
        testl $RFLAGS_VM, FROM_EIP(EFLAGS)(%esp)
        jnz return_iret
        testb $SELECTOR_TI, FROM_EIP(SS)(%esp)
        jnz return_to_ldt_stack
ENTRY return_iret
        iret

// An IRET to a 16-bit stack segment leaves bits 16 to 31 of ESP as they are: so they are made the user's before. ESP is at
// the IRET frame.
ENTRY return_to_ldt_stack
        LOAD_ESPFIX_POINTER
ENTRY return_espfix_iret
        iret

// SYSENTER's exit: the body leaves a mark where the vector is, at ESP. ECX and EDX are the kernel's by then.
ENTRY return_by_sysexit
        LOAD_EIP_AND_ESP
        RESTORE_FLAGS_AND_IF
        sysexit

        .irp segment, ds, es, fs, gs
ENTRY fix_\segment
        movl $0, (%esp)
        jmp return_\segment
        .endr
// The IRET to user code faulted, and ESP is at its frame again: an exception of the user's.
ENTRY fix_iret
        pushl $0
        pushl $GATECRASH_VECTOR_GP
        jmp exception

// ESP is at a frame from CPL 0, on any stack; flat stack segment, marks in EDX.
ENTRY exception_from_kernel
        CLEAN_CS_OF_KERNEL
        TEST_ON_ENTRY_STACK
        jb exception_on_entry_stack
        CALL_BODY_OF_KERNEL
ENTRY return_from_kernel
        movl GATECRASH_FRAME32_CS(%esp), %edx
        testl $FROM_ENTRY_STACK, %edx
        jnz return_to_entry_stack
        RETURN_BY_WHOLE_FRAME
ENTRY return_to_kernel
        RESTORE_REGS32
ENTRY return_kernel_iret
        iret

// The same, on the entry stack: of a fault on the way out.
ENTRY exception_on_entry_stack
        GO_WHERE_FRAME_STAYS
        orl $FROM_ENTRY_STACK, %edx
        TO_KERNEL_CR3_WITH_MARK
        CLEAN_CS
        orl %edx, GATECRASH_FRAME32_CS(%esp)
        MEASURE_ENTRY_STACK
        COPY_TO_TASK_STACK entry_stack
        movl %esp, %eax
        call exception_body
        jmp return_from_kernel
// The marks are in EDX.
ENTRY return_to_entry_stack
        CLEAN_CS
        GO_BACK_TO_ENTRY_STACK
        RETURN_TO_MARKED_CR3
        testl $FROM_ESPFIX, %edx
        jz return_to_kernel
// What it interrupted has the user's frame on top of the entry stack, and an ESP with the upper half of that one's.
ENTRY return_to_espfix
        SET_ESPFIX_POINTER entry_stack_top + FROM_END(ESP)
        RESTORE_REGS32
        lss %ss:espfix_pointer, %esp
        iret

        EXCEPTION_WHOSE_FRAME_STAYS
        WRONG_CR3

// --- NMI --------------------------------------------------------------------------------------------------------------

// At any instruction: any stack, any page tables, any segments, NMIs masked until the next IRET. From CPL 3 it goes the way
// of the others. From CPL 0 the frame stays where it is.
ENTRY entry_nmi
        pushl $0
        pushl $GATECRASH_VECTOR_NMI
        SAVE_REGS32
        CLEAR_FLAGS
        LOAD_KERNEL_SEGMENTS
        xorl %edi, %edi
        LEAVE_ESPFIX_OF_NMI
        DIRTY_CS
        TEST_FROM_USER
        jnz exception_from_user
ENTRY nmi_from_kernel
        CLEAN_CS
        CALL_ON_TASK_STACK nmi_body, NMI_LEAVES_SYSENTER_STACK
        RESTORE_REGS32
ENTRY nmi_iret
        iret

// --- SYSENTER ---------------------------------------------------------------------------------------------------------

// SYSENTER saves nothing, and of the flags clears IF, VM and RF only. By convention the user's ESP is in EBP, and user
// code goes on at sysenter_landing. Makes the frame that an interrupt from there would have.
ENTRY entry_sysenter
        LEAVE_SYSENTER_STACK
ENTRY sysenter_makes_frame
        pushl $GATECRASH_USER_SS
        pushl %ebp
        pushfl
        CLEAR_FLAGS_OF_SYSENTER
ENTRY sysenter_flags_are_clear
        SET_USERS_IF
        pushl $GATECRASH_USER32_CS
        pushl $sysenter_landing
        pushl $0
        pushl $GATECRASH_VECTOR_SYSCALL
        SAVE_REGS32
        LOAD_KERNEL_SEGMENTS
        ASSERT_USER_CR3
        TO_KERNEL_CR3
        movl $USER_FRAME_SIZE, %ecx
        COPY_TO_TASK_STACK sysenter_frame
        READ_ARGUMENT
        movl %esp, %eax
        call sysenter_body
        jmp return_to_user
        FIX_ARGUMENT

// --- boot -------------------------------------------------------------------------------------------------------------

// The first return to user code. Its frame is on the task stack, which the user's page tables do not have.
ENTRY boot_to_user
        popl entry_stack_top + FROM_END(EIP)
        popl entry_stack_top + FROM_END(CS)
        popl entry_stack_top + FROM_END(EFLAGS)
        popl entry_stack_top + FROM_END(ESP)
        popl entry_stack_top + FROM_END(SS)
        movl $(entry_stack_top + FROM_END(EIP)), %esp
        TO_USER_CR3
        iret

        .section .entry.data, "aw"
        .balign 8
espfix_pointer:
        .long 0
        .word GATECRASH_ESPFIX_SS
writable_selector:
        .word GATECRASH_KERNEL_SS
