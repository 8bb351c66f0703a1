/* The steps of the 32-bit reference entry's entries and exits, one macro each. A defect's or a design's file replaces a
 * step in #ifndef by defining its name (README.md). */
#ifndef GATECRASH_REFERENCE32_STEPS_H
#define GATECRASH_REFERENCE32_STEPS_H

#include "offsets.h"

/* --- at each entry. ESP is at the frame -------------------------------------------------------------------------- */

/* Clears the flags that gates and SYSENTER leave: AC and DF, and after SYSENTER also TF and NT. IF stays clear. */
.macro CLEAR_FLAGS
        pushl $2
        popfl
.endm

/* Clears ZF if the frame is from CPL 3. Tests EFLAGS.VM first, since CS is no selector in virtual-8086 mode. */
#ifndef TEST_FROM_USER
.macro TEST_FROM_USER
        testl $RFLAGS_VM, GATECRASH_FRAME32_EFLAGS(%esp)
        jnz .Lfrom_user\@
        testb $3, GATECRASH_FRAME32_CS(%esp)
.Lfrom_user\@:
.endm
#endif

/* Models a CPU that pushes only the 16 bits of CS: the upper half of that word keeps what the stack held. */
.macro DIRTY_CS
#ifdef MODEL_DIRTY_CS
        orl $MODEL_DIRTY_CS, GATECRASH_FRAME32_CS(%esp)
#endif
.endm

/* Clears the upper half of CS in the frame, which not every CPU writes. */
#ifndef CLEAN_CS
.macro CLEAN_CS
        andl $0xffff, GATECRASH_FRAME32_CS(%esp)
.endm
#endif
#ifndef CLEAN_CS_OF_KERNEL
#define CLEAN_CS_OF_KERNEL CLEAN_CS
#endif

/* --- page tables. Clobbers EAX ----------------------------------------------------------------------------------- */

/* Jumps to wrong_cr3 if CR3 is not the user's. For entries from CPL 3. */
.macro ASSERT_USER_CR3
#ifdef ASSERT_USER_PAGE_TABLES
        movl %cr3, %eax
        testl $GATECRASH_USER_ROOT, %eax
        jz wrong_cr3
#endif
.endm
.macro WRONG_CR3
#ifdef ASSERT_USER_PAGE_TABLES
ENTRY wrong_cr3
        ud2
#endif
.endm

.macro TO_KERNEL_CR3
        movl %cr3, %eax
        andl $~GATECRASH_USER_ROOT, %eax
        movl %eax, %cr3
.endm
.macro TO_USER_CR3
        movl %cr3, %eax
        orl $GATECRASH_USER_ROOT, %eax
        movl %eax, %cr3
.endm
#ifndef RETURN_TO_USER_CR3
#define RETURN_TO_USER_CR3 TO_USER_CR3
#endif

/* Marks in EDX that CR3 was the user's, for an exception on the entry stack. */
#ifndef MARK_USER_CR3
.macro MARK_USER_CR3
        orl $FROM_USER_CR3, %edx
.endm
#endif
.macro TO_KERNEL_CR3_WITH_MARK
        movl %cr3, %eax
        testl $GATECRASH_USER_ROOT, %eax
        jz .Lkernels\@
        MARK_USER_CR3
        TO_KERNEL_CR3
.Lkernels\@:
.endm
.macro RETURN_TO_MARKED_CR3
        testl $FROM_USER_CR3, %edx
        jz .Lkernels\@
        TO_USER_CR3
.Lkernels\@:
.endm

/* --- espfix ------------------------------------------------------------------------------------------------------ */

/* Switches from the espfix segment to the kernel's flat stack segment, where ESP uses all 32 bits. The base of the
 * espfix segment is the upper half of the entry stack's address. Sets ZF if SS was flat already. Clobbers EAX, ECX. */
.macro LEAVE_ESPFIX
        movl %ss, %eax
        cmpw $GATECRASH_KERNEL_SS, %ax
        je .Lflat\@
        movzwl %sp, %ecx
#ifdef ESPFIX_BASE_IN_PER_CPU_DATA
        addl ESPFIX_BASE, %ecx
#else
        addl $entry_stack_segment, %ecx
#endif
        movl $GATECRASH_KERNEL_SS, %eax
        movl %eax, %ss
        movl %ecx, %esp
        testl %esp, %esp
.Lflat\@:
.endm

/* Leaves the espfix segment in an exception, and notes it in the marks in EDX. */
.macro LEAVE_ESPFIX_WITH_MARK
        LEAVE_ESPFIX
        je .Lwas_flat\@
        orl $FROM_ESPFIX, %edx
.Lwas_flat\@:
.endm
#ifndef TO_KERNEL_SEGMENTS
.macro TO_KERNEL_SEGMENTS
        LOAD_KERNEL_SEGMENTS
        LEAVE_ESPFIX_WITH_MARK
.endm
#endif

/* Notes in EDI that an NMI interrupted code on the espfix segment. */
#ifndef NOTE_ESPFIX
.macro NOTE_ESPFIX
        incl %edi
.endm
#endif
#ifndef LEAVE_ESPFIX_OF_NMI
.macro LEAVE_ESPFIX_OF_NMI
        LEAVE_ESPFIX
        je .Lwas_flat\@
        NOTE_ESPFIX
.Lwas_flat\@:
.endm
#endif

/* Sets the pointer for LSS: the address of the IRET frame of the frame at ESP, with the upper half of the value at
 * `esp`. Clobbers EAX, ECX. */
.macro SET_ESPFIX_POINTER esp:vararg
        movl \esp, %eax
        leal GATECRASH_FRAME32_EIP(%esp), %ecx
        movw %cx, %ax
        movl %eax, espfix_pointer
.endm

/* Loads SS and ESP from espfix_pointer through SS, since all segments except CS and SS are already the user's. */
#ifndef LOAD_ESPFIX_POINTER
.macro LOAD_ESPFIX_POINTER
        lss %ss:espfix_pointer, %esp
.endm
#endif

/* --- from the entry stack to the task stack, and back ------------------------------------------------------------ */

/* Sets CF if ESP is on the entry stack. Clobbers ECX. */
.macro TEST_ON_ENTRY_STACK
        movl %esp, %ecx
        subl $entry_stack, %ecx
        cmpl $(GATECRASH_STACK_SIZE - 2 * GATECRASH_CANARY_SIZE + 1), %ecx
.endm

/* Loads ECX with the size of a frame from CPL 3. */
.macro MEASURE_USER_FRAME
        movl $USER_FRAME_SIZE, %ecx
        testl $RFLAGS_VM, GATECRASH_FRAME32_EFLAGS(%esp)
        jz .Lmeasured\@
        movl $VM86_FRAME_SIZE, %ecx
.Lmeasured\@:
.endm

/* Loads ECX with the number of bytes in use on the entry stack. */
.macro MEASURE_ENTRY_STACK
        movl $entry_stack_top, %ecx
        subl %esp, %ecx
.endm

/* Copies the frame, and everything above it on the entry stack, to the task stack: ECX bytes, which `what` names. ESP
 * moves before the copy, so that an NMI during the copy does not use the same place. Clobbers ECX, ESI, EDI. */
#ifndef COPY_TO_TASK_STACK
.macro COPY_TO_TASK_STACK what:req
        movl %esp, %esi
        movl TASK_STACK_TOP, %edi
        subl %ecx, %edi
        movl %edi, %esp
        shrl $2, %ecx
        rep movsl
.endm
#endif

/* Copies everything on the task stack, which holds only the frame, to the entry stack. ESP moves after the copy, since
 * an NMI on the entry stack uses the task stack from its top. Clobbers EBX, ECX, ESI, EDI. */
#ifndef COPY_TO_ENTRY_STACK
.macro COPY_TO_ENTRY_STACK
        movl %esp, %esi
        movl TASK_STACK_TOP, %ecx
        subl %esp, %ecx
        movl $entry_stack_top, %edi
        subl %ecx, %edi
        movl %edi, %ebx
        shrl $2, %ecx
        rep movsl
        movl %ebx, %esp
.endm
#endif
#ifndef GO_BACK_TO_ENTRY_STACK
#define GO_BACK_TO_ENTRY_STACK COPY_TO_ENTRY_STACK
#endif

/* --- bodies ------------------------------------------------------------------------------------------------------ */

/* 1 if a body leaves SYSENTER's own stack, in a design that has one. */
#ifndef NMI_LEAVES_SYSENTER_STACK
#define NMI_LEAVES_SYSENTER_STACK 1
#endif
#ifndef EXCEPTION_LEAVES_SYSENTER_STACK
#define EXCEPTION_LEAVES_SYSENTER_STACK 1
#endif

/* Sets CF if the interrupted code, whose frame is at ESP, was still on SYSENTER's own stack. Clobbers ECX. */
#ifndef TEST_ON_SYSENTER_STACK
.macro TEST_ON_SYSENTER_STACK
        movl %esp, %ecx
        subl $sysenter_stack, %ecx
        cmpl $(SYSENTER_STACK + 1), %ecx
.endm
#endif

/* Switches to the top of the task stack from the entry stack, or from SYSENTER's own stack. While one of those is in
 * use, the task stack is empty. Clobbers ECX. */
#ifndef SWITCH_TO_TASK_STACK
.macro SWITCH_TO_TASK_STACK leaves_sysenter_stack:req
        TEST_ON_ENTRY_STACK
#ifdef SYSENTER_STACK
        .if \leaves_sysenter_stack
        jb .Lswitch\@
        TEST_ON_SYSENTER_STACK
        .endif
#endif
        jae .Lswitched\@
.Lswitch\@:
        movl TASK_STACK_TOP, %esp
.Lswitched\@:
.endm
#endif

/* Calls `body` on the task stack, from any stack, while the frame stays where it is. If EDI is not 0, the interrupted
 * code was on the espfix segment. */
.macro CALL_ON_TASK_STACK body:req leaves_sysenter_stack:req
        movl %cr3, %esi
        TO_KERNEL_CR3
        movl %esp, %ebx
        SWITCH_TO_TASK_STACK \leaves_sysenter_stack
        movl %ebx, %eax
        CALL_OUTSIDE \body
        movl %ebx, %esp
        movl %esi, %cr3
        testl %edi, %edi
        jnz return_to_espfix
.endm

/* With FRAME_STAYS_ON_ENTRY_STACK, handles an exception on the entry stack like an NMI. This is right as long as
 * nothing else enters on that stack before the body ends. */
.macro GO_WHERE_FRAME_STAYS
#ifdef FRAME_STAYS_ON_ENTRY_STACK
        movl %edx, %edi
        jmp call_exception_body
#endif
.endm
.macro EXCEPTION_WHOSE_FRAME_STAYS
#ifdef FRAME_STAYS_ON_ENTRY_STACK
ENTRY call_exception_body
        CALL_ON_TASK_STACK exception_body, EXCEPTION_LEAVES_SYSENTER_STACK
        jmp return_to_kernel
#endif
.endm

#ifdef WHOLE_FRAMES
/* Adds the ESP and SS that the CPU did not push to the frame of a kernel exception, and a gap to the interrupted stack.
 * So a body that emulates a CALL pushes into the gap, not onto the frame. Clobbers ECX, ESI, EDI. */
#define FRAME_GAP 16
.macro MAKE_FRAME_WHOLE
        movl %esp, %esi
        subl $(FRAME_GAP + GATECRASH_FRAME32_SIZE - GATECRASH_FRAME32_ESP), %esp
        movl %esp, %edi
        movl $(GATECRASH_FRAME32_ESP / 4), %ecx
        rep movsl
        movl %esi, (%edi)
        movl $GATECRASH_KERNEL_SS, 4(%edi)
.endm

/* Undoes MAKE_FRAME_WHOLE, restores all registers, and returns. It builds an IRET frame below the frame's ESP, which
 * the body may have changed. It writes that from the last word down, since it may overlap the end of the frame. */
.macro RETURN_BY_WHOLE_FRAME
        movl GATECRASH_FRAME32_ESP(%esp), %ecx
        .irp word, GATECRASH_FRAME32_EFLAGS, GATECRASH_FRAME32_CS, GATECRASH_FRAME32_EIP
        subl $4, %ecx
        movl \word(%esp), %eax
        movl %eax, (%ecx)
        .endr
        movl %ecx, GATECRASH_FRAME32_VECTOR(%esp)
        popal
        popl %ds
        popl %es
        popl %fs
        popl %gs
        popl %esp
ENTRY return_whole_iret
        iret
.endm
#else
.macro MAKE_FRAME_WHOLE
.endm
.macro RETURN_BY_WHOLE_FRAME
.endm
#endif

/* Calls exception_body on the interrupted stack, which is the task stack unless SYSENTER has its own. */
.macro CALL_BODY_OF_KERNEL
#ifdef SYSENTER_STACK
        movl %edx, %edi
        CALL_ON_TASK_STACK exception_body, EXCEPTION_LEAVES_SYSENTER_STACK
#else
        MAKE_FRAME_WHOLE
        movl %esp, %eax
        CALL_OUTSIDE exception_body
#endif
.endm

/* --- the way out ------------------------------------------------------------------------------------------------- */

#ifndef RESTORE_FS
.macro RESTORE_FS
        popl %fs
.endm
#endif

/* Clears CPU buffers from which user code could read kernel data. Addresses the operand through CS, since all other
 * segments are already the user's. Sets ZF. */
#ifndef CLEAR_BUFFERS
.macro CLEAR_BUFFERS
#ifdef WITH_VERW
        verw %cs:writable_selector
#endif
.endm
#endif

/* Loads EDX and ECX for SYSEXIT. ESP is at the vector, and afterwards at EFLAGS. */
#ifndef LOAD_EIP_AND_ESP
.macro LOAD_EIP_AND_ESP
        movl FROM_VECTOR(EIP)(%esp), %edx
        movl FROM_VECTOR(ESP)(%esp), %ecx
        leal FROM_VECTOR(EFLAGS)(%esp), %esp
.endm
#endif

/* Restores the flags. Sets IF last, by STI, since no interrupt arrives between STI and the next instruction. */
#ifndef RESTORE_FLAGS_AND_IF
.macro RESTORE_FLAGS_AND_IF
        andl $~RFLAGS_IF, (%esp)
        CLEAR_BUFFERS
        popfl
        sti
.endm
#endif

/* --- SYSENTER ---------------------------------------------------------------------------------------------------- */

.macro LEAVE_SYSENTER_STACK
#ifdef SYSENTER_STACK
        movl $entry_stack_top, %esp
#endif
.endm

#ifndef CLEAR_FLAGS_OF_SYSENTER
#define CLEAR_FLAGS_OF_SYSENTER CLEAR_FLAGS
#endif

/* Sets IF in the user's EFLAGS, since user code always runs with interrupts on. */
#ifndef SET_USERS_IF
.macro SET_USERS_IF
        orl $RFLAGS_IF, (%esp)
.endm
#endif

#ifdef SYSENTER_READS_ARGUMENT
/* Refuses an EBP at or above the end of user addresses. */
#ifndef CHECK_ADDRESS_OF_ARGUMENT
.macro CHECK_ADDRESS_OF_ARGUMENT
        cmpl $(USER_END - 4), %ebp
        ja fix_sysenter_argument
.endm
#endif

/* Reads the user's EBP from the user's stack, where user code saved it, since EBP itself holds the user's ESP. The
 * address is the user's choice. */
.macro READ_ARGUMENT
        CHECK_ADDRESS_OF_ARGUMENT
ENTRY sysenter_reads_argument
        movl (%ebp), %eax
        movl %eax, GATECRASH_FRAME32_EBP(%esp)
ENTRY sysenter_has_argument
.endm

/* Makes a call whose argument cannot be read fail: its number becomes -1, and it returns like any other call. */
.macro FIX_ARGUMENT
ENTRY fix_sysenter_argument
        movl $-1, GATECRASH_FRAME32_EAX(%esp)
        jmp sysenter_has_argument
.endm
#else
.macro READ_ARGUMENT
.endm
.macro FIX_ARGUMENT
.endm
#endif

#endif
