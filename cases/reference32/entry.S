// The reference entry of 32-bit guests.
//
// The CPU enters from CPL 3 on the entry stack, with the user's page tables. The entry area holds that stack, this
// text, the tables and the per-CPU data. Bodies are outside it, and run on the task stack and the kernel's page tables.
// A handler's frame moves to the stack of its body; only an NMI's frame stays where it is.
//
//      entry stack, from the top down
//        SS ESP EFLAGS CS EIP    the user's state
//        error code, vector, GS FS ES DS, PUSHA
//
// An exception during the exit, for a segment that cannot be loaded or for the IRET, interrupts the kernel on the entry
// stack. The entry then copies the whole entry stack to the task stack for the body, and back for the return. Marks in
// the upper half of CS say so, since a CPU need not write that half.
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

// External interrupts: the stub has pushed an error code and the vector.
ENTRY entry_irq
        jmp exception

// Handles all exceptions and interrupts, from CPL 3 or CPL 0, on any page tables and with any segments. Vector and
// error code are on the stack. The stack segment may not be flat, so the code only pushes until it has left that
// segment. EDX gets the marks.
ENTRY exception
        SAVE_REGS32
        CLEAR_FLAGS
        xorl %edx, %edx
        TO_KERNEL_SEGMENTS
        DIRTY_CS
        TEST_FROM_USER
        jz exception_from_kernel

// Handles an exception from CPL 3. ESP is at the frame on the entry stack.
ENTRY exception_from_user
        ASSERT_USER_CR3
        TO_KERNEL_CR3
        CLEAN_CS
        MEASURE_USER_FRAME
        COPY_TO_TASK_STACK user_frame
        movl %esp, %eax
        CALL_OUTSIDE exception_body

// Returns to CPL 3. ESP is at the frame, at the end of the task stack. Requires the kernel's page tables, and
// interrupts off.
ENTRY return_to_user
        COPY_TO_ENTRY_STACK
        RETURN_TO_USER_CR3
        SET_ESPFIX_POINTER GATECRASH_FRAME32_ESP(%esp)
        popal
// A selector that cannot be loaded is the user's mistake, and the fixup replaces it by the null selector.
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

// Returns to a 16-bit stack segment. The IRET keeps bits 16 to 31 of ESP, so this code first loads the user's. ESP is
// at the IRET frame.
ENTRY return_to_ldt_stack
        LOAD_ESPFIX_POINTER
ENTRY return_espfix_iret
        iret

// Returns from SYSENTER by SYSEXIT. The body asks for this by a mark in the frame's vector, where ESP is. User code
// expects to lose ECX and EDX.
ENTRY return_by_sysexit
        LOAD_EIP_AND_ESP
        RESTORE_FLAGS_AND_IF
        sysexit

        .irp segment, ds, es, fs, gs
ENTRY fix_\segment
        movl $0, (%esp)
        jmp return_\segment
        .endr
// Turns a fault of the IRET to user code into an exception of the user. ESP is at the IRET frame again.
ENTRY fix_iret
        pushl $0
        pushl $GATECRASH_VECTOR_GP
        jmp exception

// Handles an exception from CPL 0. ESP is at the frame on any stack, SS is the flat segment, and EDX holds the marks.
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

// Handles an exception from CPL 0 on the entry stack, such as a fault during the exit.
ENTRY exception_on_entry_stack
        GO_WHERE_FRAME_STAYS
        orl $FROM_ENTRY_STACK, %edx
        TO_KERNEL_CR3_WITH_MARK
        CLEAN_CS
        orl %edx, GATECRASH_FRAME32_CS(%esp)
        MEASURE_ENTRY_STACK
        COPY_TO_TASK_STACK entry_stack
        movl %esp, %eax
        CALL_OUTSIDE exception_body
        jmp return_from_kernel
// Returns to the entry stack. EDX holds the marks.
ENTRY return_to_entry_stack
        CLEAN_CS
        GO_BACK_TO_ENTRY_STACK
        RETURN_TO_MARKED_CR3
        testl $FROM_ESPFIX, %edx
        jz return_to_kernel
// Returns to code on the espfix segment. The user's frame is at the top of the entry stack, and the interrupted ESP has
// the upper half of that frame's ESP.
ENTRY return_to_espfix
        SET_ESPFIX_POINTER entry_stack_top + FROM_END(ESP)
        RESTORE_REGS32
        lss %ss:espfix_pointer, %esp
        iret

        EXCEPTION_WHOSE_FRAME_STAYS
        WRONG_CR3

// --- NMI --------------------------------------------------------------------------------------------------------------

// NMI: may arrive on any stack, with any page tables and any segments. NMIs stay masked until the next IRET. An NMI
// from CPL 3 is handled like an exception. An NMI from CPL 0 leaves its frame where it is.
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

// Enters SYSENTER, which saves nothing, and clears only the flags IF, VM and RF. By convention the user's ESP is in
// EBP, and user code continues at sysenter_landing. Builds the frame that an interrupt there would have.
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
        CALL_OUTSIDE sysenter_body
        jmp return_to_user
        FIX_ARGUMENT

// --- boot -------------------------------------------------------------------------------------------------------------

// Returns to user code for the first time. The frame is on the task stack, which the user's page tables do not map, so
// this code moves it to the entry stack.
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
