/* How the 32-bit reference entry enters and leaves: one macro for each step. A step that is in #ifndef is replaced by a
 * defect's or a design's file that defines its name (README.md). */
#ifndef GATECRASH_REFERENCE32_STEPS_H
#define GATECRASH_REFERENCE32_STEPS_H

#include "offsets.h"

/* --- at each entry. ESP is at the frame -------------------------------------------------------------------------- */

/* The bits that no gate and no SYSENTER clears: AC, DF, and of the latter TF and NT. IF stays clear. */
.macro CLEAR_FLAGS
        pushl $2
        popfl
.endm

/* ZF is clear if the frame is from CPL 3. In virtual-8086 mode CS is no selector. */
#ifndef TEST_FROM_USER
.macro TEST_FROM_USER
        testl $RFLAGS_VM, GATECRASH_FRAME32_EFLAGS(%esp)
        jnz .Lfrom_user\@
        testb $3, GATECRASH_FRAME32_CS(%esp)
.Lfrom_user\@:
.endm
#endif

/* Models a CPU that pushes no more of CS than the selector: the rest of that word is whatever the stack held. */
.macro DIRTY_CS
#ifdef MODEL_DIRTY_CS
        orl $MODEL_DIRTY_CS, GATECRASH_FRAME32_CS(%esp)
#endif
.endm

/* Keeps of CS the selector. Not every CPU writes more of that word. */
#ifndef CLEAN_CS
.macro CLEAN_CS
        andl $0xffff, GATECRASH_FRAME32_CS(%esp)
.endm
#endif
#ifndef CLEAN_CS_OF_KERNEL
#define CLEAN_CS_OF_KERNEL CLEAN_CS
#endif

/* --- page tables. Clobbers EAX ----------------------------------------------------------------------------------- */

/* From CPL 3 CR3 has to be the user's. */
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

/* For an exception on the entry stack: EDX says whether CR3 was the user's. */
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

/* Goes on to the kernel's flat stack segment, where ESP has all 32 bits. The other one's descriptor has the entry stack's
 * upper half as its base. Sets ZF if that was not needed. Clobbers EAX, ECX. */
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

/* For an exception: EDX has the mark. */
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

/* For an NMI: EDI becomes 1. */
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

/* For LSS: the IRET frame of the frame at ESP, on the entry stack, with the upper half of the ESP that `esp` says.
 * Clobbers EAX, ECX. */
.macro SET_ESPFIX_POINTER esp:vararg
        movl \esp, %eax
        leal GATECRASH_FRAME32_EIP(%esp), %ecx
        movw %cx, %ax
        movl %eax, espfix_pointer
.endm

/* All segments except CS and SS are the user's by then. */
#ifndef LOAD_ESPFIX_POINTER
.macro LOAD_ESPFIX_POINTER
        lss %ss:espfix_pointer, %esp
.endm
#endif

/* --- from the entry stack to the task stack, and back ------------------------------------------------------------ */

/* CF is set if ESP is on the entry stack. Clobbers ECX. */
.macro TEST_ON_ENTRY_STACK
        movl %esp, %ecx
        subl $entry_stack, %ecx
        cmpl $(GATECRASH_STACK_SIZE - 2 * GATECRASH_CANARY_SIZE + 1), %ecx
.endm

/* ECX becomes the size of a frame from CPL 3. */
.macro MEASURE_USER_FRAME
        movl $USER_FRAME_SIZE, %ecx
        testl $RFLAGS_VM, GATECRASH_FRAME32_EFLAGS(%esp)
        jz .Lmeasured\@
        movl $VM86_FRAME_SIZE, %ecx
.Lmeasured\@:
.endm

/* ECX becomes the size of all that is on the entry stack. */
.macro MEASURE_ENTRY_STACK
        movl $entry_stack_top, %ecx
        subl %esp, %ecx
.endm

/* The frame, and all that is above it on the entry stack: ECX bytes, which `what` names. Clobbers ECX, ESI, EDI. From the
 * first word on ESP is where the copy will be: an NMI takes no other place on the task stack then. */
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

/* All of the task stack, which a frame is at the end of, and back to the entry stack. Until the copy is whole ESP stays:
 * an NMI on the entry stack uses the task stack from its top on. Clobbers EBX, ECX, ESI, EDI. */
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

/* Whether a body leaves SYSENTER's own stack, if there is one. */
#ifndef NMI_LEAVES_SYSENTER_STACK
#define NMI_LEAVES_SYSENTER_STACK 1
#endif
#ifndef EXCEPTION_LEAVES_SYSENTER_STACK
#define EXCEPTION_LEAVES_SYSENTER_STACK 1
#endif

/* CF is set if what was interrupted, whose frame is at ESP, had not left SYSENTER's own stack yet. Clobbers ECX. */
#ifndef TEST_ON_SYSENTER_STACK
.macro TEST_ON_SYSENTER_STACK
        movl %esp, %ecx
        subl $sysenter_stack, %ecx
        cmpl $(SYSENTER_STACK + 1), %ecx
.endm
#endif

/* None of it is in use while the entry stack is, or SYSENTER's own. Clobbers ECX. */
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

/* Wherever it comes from: a body that runs on the task stack, while the frame stays where it is. Not 0 in EDI: the stack
 * was espfix. */
.macro CALL_ON_TASK_STACK body:req leaves_sysenter_stack:req
        movl %cr3, %esi
        TO_KERNEL_CR3
        movl %esp, %ebx
        SWITCH_TO_TASK_STACK \leaves_sysenter_stack
        movl %ebx, %eax
        call \body
        movl %ebx, %esp
        movl %esi, %cr3
        testl %edi, %edi
        jnz return_to_espfix
.endm

/* An exception on the entry stack. With FRAME_STAYS_ON_ENTRY_STACK it is handled as an NMI, which is right as long as the
 * body does not let anything else onto the entry stack. */
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
/* The frame of an exception of the kernel's gets the ESP and SS that the CPU did not push, and a gap to the stack that was
 * interrupted: what a body pushes there, as a CALL would, is not on the frame. Clobbers ECX, ESI, EDI. */
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

/* The reverse, and all registers: an IRET frame below the ESP that the frame has by now, and ESP at it. From the last word
 * down, since it may lie on the end of the frame. */
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

/* On the kernel's stack, which is the task stack, unless SYSENTER has its own. */
.macro CALL_BODY_OF_KERNEL
#ifdef SYSENTER_STACK
        movl %edx, %edi
        CALL_ON_TASK_STACK exception_body, EXCEPTION_LEAVES_SYSENTER_STACK
#else
        MAKE_FRAME_WHOLE
        movl %esp, %eax
        call exception_body
#endif
.endm

/* --- the way out ------------------------------------------------------------------------------------------------- */

#ifndef RESTORE_FS
.macro RESTORE_FS
        popl %fs
.endm
#endif

/* Has the CPU forget what user code could find in its buffers. All segments except CS are the user's by then. Sets ZF. */
#ifndef CLEAR_BUFFERS
.macro CLEAR_BUFFERS
#ifdef WITH_VERW
        verw %cs:writable_selector
#endif
.endm
#endif

/* For SYSEXIT, with ESP at the vector, and afterwards at EFLAGS. */
#ifndef LOAD_EIP_AND_ESP
.macro LOAD_EIP_AND_ESP
        movl FROM_VECTOR(EIP)(%esp), %edx
        movl FROM_VECTOR(ESP)(%esp), %ecx
        leal FROM_VECTOR(EFLAGS)(%esp), %esp
.endm
#endif

/* IF is set last, and nothing interrupts between STI and the next instruction. */
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

/* Sets IF in the user's EFLAGS: it was set before, since user code always has it. */
#ifndef SET_USERS_IF
.macro SET_USERS_IF
        orl $RFLAGS_IF, (%esp)
.endm
#endif

#ifdef SYSENTER_READS_ARGUMENT
/* Above are no addresses of user memory. */
#ifndef CHECK_ADDRESS_OF_ARGUMENT
.macro CHECK_ADDRESS_OF_ARGUMENT
        cmpl $(USER_END - 4), %ebp
        ja fix_sysenter_argument
.endm
#endif

/* For want of a register the user's EBP is on the user's stack, which is wherever user code says. */
.macro READ_ARGUMENT
        CHECK_ADDRESS_OF_ARGUMENT
ENTRY sysenter_reads_argument
        movl (%ebp), %eax
        movl %eax, GATECRASH_FRAME32_EBP(%esp)
ENTRY sysenter_has_argument
.endm

/* There is no such call: its body does nothing, and the way back is the one of all calls. */
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
