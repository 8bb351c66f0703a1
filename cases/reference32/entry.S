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
#include "entry32.h"

#define SELECTOR_TI 4                   // of the LDT

        .globl esp0_is_entry_stack
        esp0_is_entry_stack = 1
#ifndef SYSENTER_STACK
        .globl sysenter_esp_is_entry_stack
        sysenter_esp_is_entry_stack = 1
#else
        .globl sysenter_esp_is_sysenter_stack
        sysenter_esp_is_sysenter_stack = 1
#endif

// Per-CPU data, by %fs.
#define TASK_STACK_TOP %fs:0
#define ESPFIX_BASE %fs:4

// Marks in the upper half of a frame's CS.
#define FROM_ENTRY_STACK 0x80000000
#define FROM_USER_CR3 0x40000000
#define FROM_ESPFIX 0x20000000

#define USER_END 0x80000000             // above are no addresses of user memory

#define USER_FRAME_SIZE GATECRASH_FRAME32_SIZE
#define VM86_FRAME_SIZE (GATECRASH_FRAME32_SIZE + 16)

.macro ENTRY name:req
        .globl \name
        .type \name, @function
\name:
.endm

// --- what entries are made of ----------------------------------------------------------------------------------------

// The bits that no gate and no SYSENTER clears: AC, DF, and of the latter TF and NT. IF stays clear.
.macro CLEAR_FLAGS
        pushl $2
        popfl
.endm

// ZF is clear if the frame, at ESP, is from CPL 3. In virtual-8086 mode CS is no selector.
.macro TEST_FROM_USER
#ifndef DEFECT_VM86_BY_CS
        testl $RFLAGS_VM, GATECRASH_FRAME32_EFLAGS(%esp)
        jnz .Lfrom_user\@
#endif
        testb $3, GATECRASH_FRAME32_CS(%esp)
.Lfrom_user\@:
.endm

// CF is set if ESP is on the entry stack. Clobbers %ecx.
.macro TEST_ON_ENTRY_STACK
        movl %esp, %ecx
        subl $entry_stack, %ecx
        cmpl $(GATECRASH_STACK_SIZE - 2 * GATECRASH_CANARY_SIZE + 1), %ecx
.endm

// CF is set if what was interrupted, whose frame is at ESP, had not left SYSENTER's own stack yet. Clobbers %ecx.
.macro TEST_ON_SYSENTER_STACK
#ifndef DEFECT_SYSENTER_STACK_BY_EIP
        movl %esp, %ecx
        subl $sysenter_stack, %ecx
        cmpl $(SYSENTER_STACK + 1), %ecx
#else
        movl GATECRASH_FRAME32_EIP(%esp), %ecx
        subl $entry_sysenter, %ecx
        cmpl $1, %ecx
#endif
.endm

// The frame's CS, as a CPU leaves it that pushes no more of that word than the selector.
.macro DIRTY_CS
#ifdef MODEL_DIRTY_CS
        orl $MODEL_DIRTY_CS, GATECRASH_FRAME32_CS(%esp)
#endif
.endm

// Of the frame's CS, the selector. Not every CPU writes more of that word.
.macro CLEAN_CS
#ifndef DEFECT_CS_KEEPS_UPPER_HALF
        andl $0xffff, GATECRASH_FRAME32_CS(%esp)
#endif
.endm

// Has the CPU forget what user code could find in its buffers. The segments are the user's by then, but for CS. Sets ZF.
.macro CLEAR_BUFFERS
#ifdef DEFECT_VERW_BY_DS
        verw writable_selector
#elif defined(WITH_VERW)
        verw %cs:writable_selector
#endif
.endm

// From CPL 3 CR3 has to be the user's.
.macro ASSERT_USER_CR3
#ifdef ASSERT_USER_PAGE_TABLES
        movl %cr3, %eax
        testl $GATECRASH_USER_ROOT, %eax
        jz wrong_cr3
#endif
.endm

// Clobbers %eax.
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

// Onto the kernel's flat stack segment, where ESP has all 32 bits. The other one's descriptor has the entry stack's
// upper half as its base. Sets ZF if that was not needed. Clobbers %eax, %ecx.
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

// For LSS: the IRET frame of the frame at ESP, on the entry stack, with the upper half of the ESP that `esp` says.
// Clobbers %eax, %ecx.
.macro SET_ESPFIX_POINTER esp:vararg
        movl \esp, %eax
        leal GATECRASH_FRAME32_EIP(%esp), %ecx
        movw %cx, %ax
        movl %eax, espfix_pointer
.endm

// The frame, and all that is above it on the entry stack: %ecx bytes. Clobbers %ecx, %esi, %edi. From the first word on
// ESP is where the copy will be: an NMI takes no other place on the task stack then.
// `copied` names where it is whole, for a defect.
.macro COPY_TO_TASK_STACK copied:req
        movl %esp, %esi
        movl TASK_STACK_TOP, %edi
        subl %ecx, %edi
#ifndef DEFECT_COPIES_BEFORE_SWITCH
        movl %edi, %esp
#else
        movl %edi, %ebx
#endif
        shrl $2, %ecx
        rep movsl
#ifdef DEFECT_COPIES_BEFORE_SWITCH
ENTRY \copied
        movl %ebx, %esp
#endif
.endm

// All of the task stack, which a frame is at the end of, and back to the entry stack. Until the copy is whole ESP stays:
// an NMI on the entry stack uses the task stack from its top on. Clobbers %ebx, %ecx, %esi, %edi.
.macro COPY_TO_ENTRY_STACK
        movl %esp, %esi
        movl TASK_STACK_TOP, %ecx
        subl %esp, %ecx
        movl $entry_stack_top, %edi
        subl %ecx, %edi
#ifndef DEFECT_SWITCHES_BEFORE_COPY
        movl %edi, %ebx
#else
        movl %edi, %esp
#endif
        shrl $2, %ecx
        rep movsl
#ifndef DEFECT_SWITCHES_BEFORE_COPY
        movl %ebx, %esp
#endif
.endm

// The frame of an exception of the kernel's gets the ESP and SS that the CPU did not push, and a gap to the stack that was
// interrupted: what a body pushes there, as a CALL would, is not on the frame. Clobbers %ecx, %esi, %edi.
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

// The reverse, and all registers: an IRET frame below the ESP that the frame has by now, and ESP at it. From the last word
// down, since it may lie on the end of the frame.
.macro RESTORE_WHOLE_FRAME
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
.endm

// Whether a body leaves SYSENTER's own stack, if there is one.
#ifdef DEFECT_NMI_ON_SYSENTER_STACK
#define NMI_LEAVES_SYSENTER_STACK 0
#else
#define NMI_LEAVES_SYSENTER_STACK 1
#endif
#ifdef DEFECT_EXCEPTION_ON_SYSENTER_STACK
#define EXCEPTION_LEAVES_SYSENTER_STACK 0
#else
#define EXCEPTION_LEAVES_SYSENTER_STACK 1
#endif

// Wherever it comes from: a body that runs on the task stack, of which nothing is in use if the entry stack is, while the
// frame stays where it is. Not 0 in %edi: the stack was espfix.
.macro CALL_ON_TASK_STACK body:req leaves_sysenter_stack:req
        movl %cr3, %esi
        TO_KERNEL_CR3
        movl %esp, %ebx
#ifndef DEFECT_BODY_ON_ENTRY_STACK
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
#endif
        movl %ebx, %eax
        call \body
        movl %ebx, %esp
        movl %esi, %cr3
        testl %edi, %edi
        jnz return_to_espfix
.endm

// --- entries ---------------------------------------------------------------------------------------------------------

        .section .entry.text, "ax"

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

ENTRY entry_irq
        jmp exception

// Vector and error code are on the stack, which may be a segment whose ESP is not flat: pushes only.
ENTRY exception
        SAVE_REGS32
        CLEAR_FLAGS
        xorl %edx, %edx                 // marks
#ifndef DEFECT_FS_LOADED_LATE
        LOAD_KERNEL_SEGMENTS
#endif
#ifndef DEFECT_EXCEPTION_STAYS_ON_ESPFIX
        LEAVE_ESPFIX
        je 1f
        orl $FROM_ESPFIX, %edx
1:
#endif
        DIRTY_CS
#ifdef DEFECT_FS_LOADED_LATE
        LOAD_KERNEL_SEGMENTS
#endif
        TEST_FROM_USER
        jz exception_from_kernel

// ESP is at a frame from CPL 3 on the entry stack.
ENTRY exception_from_user
        ASSERT_USER_CR3
        TO_KERNEL_CR3
        CLEAN_CS
        movl $USER_FRAME_SIZE, %ecx
        testl $RFLAGS_VM, GATECRASH_FRAME32_EFLAGS(%esp)
        jz 1f
        movl $VM86_FRAME_SIZE, %ecx
1:      COPY_TO_TASK_STACK user_frame_copied
        movl %esp, %eax
        call exception_body
ENTRY return_to_user
        COPY_TO_ENTRY_STACK
#ifndef DEFECT_RETURNS_ON_KERNEL_CR3
        TO_USER_CR3
#endif
        SET_ESPFIX_POINTER GATECRASH_FRAME32_ESP(%esp)
        popal
// A selector that cannot be loaded is the user's fault: it gets the null one.
ENTRY return_ds
        popl %ds
ENTRY return_es
        popl %es
ENTRY return_fs
#ifndef DEFECT_RETURN_KEEPS_FS
        popl %fs
#else
        addl $4, %esp
#endif
ENTRY return_gs
        popl %gs
        cmpl $GATECRASH_VECTOR_SYSCALL, (%esp)
        je return_by_sysexit
        addl $8, %esp
        CLEAR_BUFFERS
        testl $RFLAGS_VM, 8(%esp)
        jnz return_iret
        testb $SELECTOR_TI, 16(%esp)
        jnz return_to_ldt_stack
ENTRY return_iret
        iret

// An IRET to a 16-bit stack segment leaves bits 16 to 31 of ESP as they are: so they are made the user's before.
ENTRY return_to_ldt_stack
#ifndef DEFECT_LSS_BY_DS
        lss %ss:espfix_pointer, %esp
#else
        lss espfix_pointer, %esp
#endif
ENTRY return_espfix_iret
        iret

// Of SYSENTER: the body says so by the vector. ECX and EDX are not the user's any more by then. IF is set last, and
// nothing interrupts between STI and the instruction behind it.
ENTRY return_by_sysexit
#ifdef DEFECT_SYSEXIT_WITH_TF
        andl $~RFLAGS_IF, 16(%esp)
        pushl 16(%esp)
        popfl
#endif
        movl 8(%esp), %edx
        movl 20(%esp), %ecx
        leal 16(%esp), %esp
#if defined(DEFECT_SYSEXIT_BY_POPF_WITH_IF)
        popfl
ENTRY sysexit_with_if
#elif defined(DEFECT_SYSEXIT_LOSES_FLAGS)
        sti
#else
#ifndef DEFECT_SYSEXIT_WITH_TF
        andl $~RFLAGS_IF, (%esp)
#ifndef DEFECT_VERW_BEHIND_POPF
        CLEAR_BUFFERS
        popfl
#else
        popfl
        CLEAR_BUFFERS
#endif
#endif
        sti
#endif
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

ENTRY exception_from_kernel
#ifndef DEFECT_CS_CLEANED_ON_ENTRY_STACK_ONLY
        CLEAN_CS
#endif
        TEST_ON_ENTRY_STACK
        jb exception_on_entry_stack
#ifdef SYSENTER_STACK
        movl %edx, %edi
        CALL_ON_TASK_STACK exception_body, EXCEPTION_LEAVES_SYSENTER_STACK
#else
#ifdef WHOLE_FRAMES
        MAKE_FRAME_WHOLE
#endif
        movl %esp, %eax
        call exception_body
#endif
ENTRY return_from_kernel
        movl GATECRASH_FRAME32_CS(%esp), %edx
        testl $FROM_ENTRY_STACK, %edx
        jnz return_to_entry_stack
#ifdef WHOLE_FRAMES
        RESTORE_WHOLE_FRAME
ENTRY return_whole_iret
        iret
#endif
ENTRY return_to_kernel
        RESTORE_REGS32
ENTRY return_kernel_iret
        iret

ENTRY exception_on_entry_stack
#ifdef FRAME_STAYS_ON_ENTRY_STACK
        movl %edx, %edi
        jmp call_exception_body
#endif
        orl $FROM_ENTRY_STACK, %edx
        movl %cr3, %eax
        testl $GATECRASH_USER_ROOT, %eax
        jz 1f
#ifndef DEFECT_RETURNS_TO_KERNEL_CR3
        orl $FROM_USER_CR3, %edx
#endif
        TO_KERNEL_CR3
1:      CLEAN_CS
        orl %edx, GATECRASH_FRAME32_CS(%esp)
        movl $entry_stack_top, %ecx
        subl %esp, %ecx
        COPY_TO_TASK_STACK entry_stack_copied
        movl %esp, %eax
        call exception_body
        jmp return_from_kernel
// The marks are in %edx.
ENTRY return_to_entry_stack
        CLEAN_CS
#ifndef DEFECT_STAYS_ON_TASK_STACK
        COPY_TO_ENTRY_STACK
#endif
        testl $FROM_USER_CR3, %edx
        jz 1f
        TO_USER_CR3
1:      testl $FROM_ESPFIX, %edx
        jz return_to_kernel
// What it interrupted has the user's frame on top of the entry stack, and an ESP with the upper half of that one's.
ENTRY return_to_espfix
        SET_ESPFIX_POINTER entry_stack_top - 8
        RESTORE_REGS32
        lss %ss:espfix_pointer, %esp
        iret

#ifdef FRAME_STAYS_ON_ENTRY_STACK
// As an NMI: right as long as the body does not let anything else onto the entry stack.
ENTRY call_exception_body
        CALL_ON_TASK_STACK exception_body, EXCEPTION_LEAVES_SYSENTER_STACK
        jmp return_to_kernel
#endif

#ifdef ASSERT_USER_PAGE_TABLES
ENTRY wrong_cr3
        ud2
#endif

// At any instruction: any stack, any page tables. From CPL 3 it goes the way of the others. From CPL 0 the frame stays
// where it is.
ENTRY entry_nmi
        pushl $0
        pushl $GATECRASH_VECTOR_NMI
        SAVE_REGS32
        CLEAR_FLAGS
        LOAD_KERNEL_SEGMENTS
        xorl %edi, %edi
#ifndef DEFECT_NMI_STAYS_ON_ESPFIX
        LEAVE_ESPFIX
        je 1f
#ifndef DEFECT_NMI_FORGETS_ESPFIX
        incl %edi
#endif
1:
#endif
        DIRTY_CS
        TEST_FROM_USER
        jnz exception_from_user
ENTRY nmi_from_kernel
        CLEAN_CS
        CALL_ON_TASK_STACK nmi_body, NMI_LEAVES_SYSENTER_STACK
        RESTORE_REGS32
ENTRY nmi_iret
        iret

// SYSENTER saves nothing, and of the flags clears IF, VM and RF only. By convention the user's ESP is in EBP, and user
// code goes on at sysenter_landing. Makes the frame that an interrupt from there would have.
ENTRY entry_sysenter
#ifdef SYSENTER_STACK
        movl $entry_stack_top, %esp
#endif
ENTRY sysenter_makes_frame
        pushl $GATECRASH_USER_SS
        pushl %ebp
        pushfl
#ifndef DEFECT_SYSENTER_KEEPS
        CLEAR_FLAGS
#else
        pushfl
        andl $(2 | DEFECT_SYSENTER_KEEPS), (%esp)
        popfl
#endif
ENTRY sysenter_flags_are_clear
#ifndef DEFECT_SYSENTER_SAVES_IF
        orl $RFLAGS_IF, (%esp)          // it was set: user code cannot do without
#endif
        pushl $GATECRASH_USER32_CS
        pushl $sysenter_landing
        pushl $0
        pushl $GATECRASH_VECTOR_SYSCALL
        SAVE_REGS32
        LOAD_KERNEL_SEGMENTS
        ASSERT_USER_CR3
        TO_KERNEL_CR3
        movl $USER_FRAME_SIZE, %ecx
        COPY_TO_TASK_STACK sysenter_frame_copied
#ifdef SYSENTER_READS_ARGUMENT
// For want of a register the user's EBP is on the user's stack, which is wherever user code says.
#ifndef DEFECT_ARGUMENT_FROM_ANYWHERE
        cmpl $(USER_END - 4), %ebp
        ja fix_sysenter_argument
#endif
ENTRY sysenter_reads_argument
        movl (%ebp), %eax
        movl %eax, GATECRASH_FRAME32_EBP(%esp)
ENTRY sysenter_has_argument
#endif
        movl %esp, %eax
        call sysenter_body
        jmp return_to_user
#ifdef SYSENTER_READS_ARGUMENT
// There is no such call: its body does nothing, and the way back is the one of all calls.
ENTRY fix_sysenter_argument
        movl $-1, GATECRASH_FRAME32_EAX(%esp)
        jmp sysenter_has_argument
#endif

// The first return to user code. Its frame is on the task stack, which the user's page tables do not have.
ENTRY boot_to_user
        popl entry_stack_top - 20
        popl entry_stack_top - 16
        popl entry_stack_top - 12
        popl entry_stack_top - 8
        popl entry_stack_top - 4
        movl $(entry_stack_top - 20), %esp
        TO_USER_CR3
        iret

        .section .entry.data, "aw"
        .balign 8
espfix_pointer:
        .long 0
        .word GATECRASH_ESPFIX_SS
writable_selector:
        .word GATECRASH_KERNEL_SS
