// The reference entry: exceptions and interrupts. NMIs are in nmi.S, SYSCALL in syscall.S.
//
// Everything here lies in the entry area, which both page-table roots map, and runs with interrupts off. From CPL 3 the
// CPU switches to the entry stack; ENTER_FROM_USER goes on to the task stack, and bodies run there. From CPL 0 they run
// on the stack that was interrupted. Vectors that may come where neither CR3 nor the GS base is known have an IST stack.
#include "calling.h"

        .globl rsp0_is_entry_stack
        rsp0_is_entry_stack = 1

#ifdef DEFECT_MC_WITHOUT_IST
        .globl ist_of_mc
        ist_of_mc = 0
#endif
#ifdef DEFECT_DF_WITHOUT_IST
        .globl ist_of_df
        ist_of_df = 0
#endif

// Where exceptions and interrupts from CPL 3 end, and those from CPL 0.
#if defined(SYSRET_FROM_EXCEPTIONS)
#define RETURN_TO_USER syscall_exit
#elif defined(EXIT_KIND_IN_EBX)
#define RETURN_TO_USER exit_by_kind
#else
#define RETURN_TO_USER return_to_user
#endif
#ifdef EXIT_KIND_IN_EBX
#define RETURN_TO_KERNEL exit_by_kind
#else
#define RETURN_TO_KERNEL return_to_kernel
#endif

// One way out for both, which %ebx says where to: 0 is to CPL 3. Bodies keep it.
.macro KEEP_EXIT_KIND kind:req
#ifdef EXIT_KIND_IN_EBX
        movl $\kind, %ebx
#endif
.endm
#define EXIT_TO_USER 0
#define EXIT_TO_KERNEL 1

#ifdef VC_ON_IST
        .globl ist_of_vc
        ist_of_vc = GATECRASH_IST_VC
        // An NMI changes the entry of #VC's stack.
        .section .entry.data, "aw"
        .globl tss, tss_ist_vc
        .balign 16
tss:
        TSS vc_stack_top
        tss_ist_vc = tss + 36 + 8 * (GATECRASH_IST_VC - 1)
        .bss
        .globl vc_stack, vc_stack_top
        .balign 16
vc_stack:
        .fill 1024
vc_stack_top:
        .section .entry.text, "ax"
#endif
#ifdef DEFECT_BP_ON_IST
        .globl ist_of_bp
        ist_of_bp = GATECRASH_IST_DB
#endif
#ifdef DEFECT_DB_WITHOUT_IST
        .globl ist_of_db
        ist_of_db = 0
#endif
#if defined(INT1_FROM_USER) || defined(DEFECT_DB_GATE_OF_DPL_3)
        .globl dpl_of_db
        dpl_of_db = 3
#endif

#ifndef DEFECT_BREAKPOINTS_ANYWHERE
        .section .rodata
        .globl breakpoints_refused
        .balign 8
breakpoints_refused:
#ifdef MOV_SS_BEFORE_INT3
        .quad .Lbehind_first_of_bp, entry_text_end
#else
        .quad noinstr_text_begin, entry_text_end
#endif
        .quad 0, 0
#endif

// What #DB's own entry uses, or the CPU to deliver a #DB; and what every exit uses. The first range has the tables, GDT, TSS
// and IDT among them, as the linker script orders them.
#ifdef REFUSES_WATCHPOINTS
        .section .rodata
        .globl watchpoints_refused
        .balign 8
watchpoints_refused:
        .quad gdt, per_cpu_bases_end
        .quad db_stack, db_stack_top
        .quad entry_stack, entry_stack_top
        .quad breakpoints_of_cpu, breakpoints_of_cpu + 8
        .quad 0, 0
#endif

#ifdef PER_CPU_BY_NUMBER
        .section .rodata
        .balign 8
        .globl per_cpu_bases
per_cpu_bases:
        .quad per_cpu, per_cpu_of_another
per_cpu_bases_end:
        .bss
        .balign 64
per_cpu_of_another:
        .fill 64
#endif

#ifdef IRQ_STACK
        .section .rodata
        .balign 8
        .globl irq_stack_top_address
irq_stack_top_address:
        .quad irq_stack_top
        .data
        .globl irq_count
irq_count:
        .long -1                        // who runs on that stack, less 1
        .bss
        .balign 16
        .fill 1024
irq_stack_top:
#endif

        .section .entry.text, "ax"

#ifndef DEFECT_NO_ESPFIX
        .section .stack.espfix, "aw", @nobits
espfix_stack:
        .fill GATECRASH_PAGE
        .section .espfix.view, "a", @nobits
        .fill GATECRASH_PAGE
        .section .entry.text, "ax"
#endif

// For whom a trace point of the entry is in assembly: it needs the kernel's GS base, and may fault. So a page fault's
// address is read before, into a register that calls keep, and handed on. An interrupt's vector is in the frame: 0 stands
// for that. RSP is at the frame.
.macro TRACE_IRQS_OFF vector:req
#ifdef TRACED_IN_ASSEMBLY
        movq %rsp, %rdi
        movl $\vector, %esi
        call irqs_off_traced
#endif
.endm
.macro TRACE_EXCEPTION vector:req
#if defined(DEFECT_CR2_READ_BEHIND_TRACE)
        TRACE_IRQS_OFF \vector
        movq %cr2, %rdx
#elif defined(DEFECT_CR2_KEPT_IN_RDX)
        movq %cr2, %rdx
        TRACE_IRQS_OFF \vector
#elif defined(TRACED_IN_ASSEMBLY)
        movq %cr2, %r12
        TRACE_IRQS_OFF \vector
        movq %r12, %rdx
#endif
.endm

// An exception without IST. RSP is at the frame's error code.
.macro EXCEPTION vector:req
        CLEAR_DF_AND_AC
        testb $3, 16(%rsp)
        jnz 1f
        SAVE_REGS
        KEEP_EXIT_KIND EXIT_TO_KERNEL
        TRACE_EXCEPTION \vector
        movq %rsp, %rdi
        movl $\vector, %esi
        call exception_body
        jmp RETURN_TO_KERNEL
1:      ENTER_FROM_USER
        KEEP_EXIT_KIND EXIT_TO_USER
        TRACE_EXCEPTION \vector
        movq %rsp, %rdi
        movl $\vector, %esi
        call exception_body
        jmp RETURN_TO_USER
.endm

// One that may also be the IRET's to user code, or a load of a segment with the user's GS base.
.macro EXCEPTION_OF_EXIT vector:req
        CLEAR_DF_AND_AC
        testb $3, 16(%rsp)
        jnz 1f
        SAVE_REGS
        movl $\vector, %esi
        jmp fault_in_kernel
1:      ENTER_FROM_USER
        KEEP_EXIT_KIND EXIT_TO_USER
        movq %rsp, %rdi
        movl $\vector, %esi
        call exception_body
        jmp RETURN_TO_USER
.endm

// On an IST stack, at any instruction. From CPL 3 it is like any other exception.
.macro EXCEPTION_ANYWHERE vector:req, exit=iretq
        CLEAR_DF_AND_AC
        testb $3, 16(%rsp)
        jnz 1f
        SAVE_REGS
        ENTER_PARANOID
        movq %rsp, %rdi
        movl $\vector, %esi
        call paranoid_body
        EXIT_PARANOID
        RESTORE_REGS
        \exit
1:
#ifdef DEFECT_MC_FROM_USER_STAYS
        .if \vector == GATECRASH_VECTOR_MC
        swapgs
        pushq %rdi
        TO_KERNEL_CR3 %rdi
        SAVE_REGS_BUT_RDI
        CLEAR_FLAGS
        .else
        ENTER_FROM_USER
        .endif
#else
        ENTER_FROM_USER
#endif
        KEEP_EXIT_KIND EXIT_TO_USER
        movq %rsp, %rdi
        movl $\vector, %esi
        call exception_body
        jmp RETURN_TO_USER
.endm

// To where an NMI's frame is not out of the next one's reach yet. IRET would unmask NMIs; this does not. RSP is at the
// IRET frame, on the #MC's stack.
.macro RETURN_MASKED_TO_NMI
#ifndef DEFECT_MC_RETURNS_BY_IRET
        cmpq $entry_nmi, (%rsp)
        jb .Liret\@
        cmpq $nmi_repeat, (%rsp)
        jb mc_returns_masked
.Liret\@:
#endif
        iretq
.endm

// From CPL 0 the interrupted stack ends right above the frame, and what this handler stands for may push to it. So the
// frame is given up for a copy below it. RSP is at the error code.
.macro GAP_TO_INTERRUPTED_STACK
        testb $3, 16(%rsp)
        jnz .Lgap\@
        .rept 6
        pushq 40(%rsp)                  // SS, RSP, RFLAGS, CS, RIP, error code
        .endr
.Lgap\@:
.endm

.macro ENTRY name:req
        .globl \name
        .type \name, @function
\name:
.endm

ENTRY entry_db
        pushq $0
        EXCEPTION_ANYWHERE GATECRASH_VECTOR_DB
ENTRY entry_bp
        pushq $0
.Lbehind_first_of_bp:
#ifdef DEFECT_BP_ON_IST
        EXCEPTION_ANYWHERE GATECRASH_VECTOR_BP
#else
#ifndef DEFECT_BP_WITHOUT_GAP
        GAP_TO_INTERRUPTED_STACK
#endif
        EXCEPTION GATECRASH_VECTOR_BP
#endif
ENTRY entry_ud
        pushq $0
        EXCEPTION GATECRASH_VECTOR_UD
ENTRY entry_np
        EXPECT_ERROR_CODE GATECRASH_VECTOR_NP
#ifdef DEFECT_NO_IRET_FIXUP_OF_SS
        // QEMU 7.2 raises #NP for a stack segment that is not present, where the manuals have #SS.
        cmpl $(GATECRASH_LDT_DATA_ABSENT & ~3), (%rsp)
        je entry_ss
#endif
        EXCEPTION_OF_EXIT GATECRASH_VECTOR_NP
ENTRY entry_ss
        EXPECT_ERROR_CODE GATECRASH_VECTOR_SS
#ifdef DEFECT_NO_IRET_FIXUP_OF_SS
        EXCEPTION GATECRASH_VECTOR_SS
#else
        EXCEPTION_OF_EXIT GATECRASH_VECTOR_SS
#endif
ENTRY entry_gp
        EXPECT_ERROR_CODE GATECRASH_VECTOR_GP
        EXCEPTION_OF_EXIT GATECRASH_VECTOR_GP
ENTRY entry_pf
        EXPECT_ERROR_CODE GATECRASH_VECTOR_PF
        EXCEPTION GATECRASH_VECTOR_PF
#ifdef HAS_VC
ENTRY entry_vc
        EXPECT_ERROR_CODE GATECRASH_VECTOR_VC
        EXCEPTION GATECRASH_VECTOR_VC
#endif
#ifdef VC_ON_IST
// As HAS_VC, and raised by INT, which pushes no error code. Its IST stack is only for the delivery: from CPL 0 it goes on
// to the stack that was interrupted, when all that it needs is there.
ENTRY entry_vc
        pushq $0
        CLEAR_DF_AND_AC
        testb $3, 16(%rsp)
        jnz 1f
        pushq %rdi
        movq GATECRASH_FRAME_RSP - GATECRASH_FRAME_RDI(%rsp), %rdi
        subq $7 * 8, %rdi
        word = 0
        .rept 7                         // RDI, error code, RIP, CS, RFLAGS, RSP, SS
        pushq word(%rsp)
        popq word(%rdi)
        word = word + 8
        .endr
        movq %rdi, %rsp
        .globl vc_stack_left
vc_stack_left:
        SAVE_REGS_BUT_RDI
        movq %rsp, %rdi
        movl $GATECRASH_VECTOR_VC, %esi
        call exception_body
        jmp RETURN_TO_KERNEL
1:      ENTER_FROM_USER
        movq %rsp, %rdi
        movl $GATECRASH_VECTOR_VC, %esi
        call exception_body
        jmp RETURN_TO_USER
#endif
ENTRY entry_mc
        pushq $0
        EXCEPTION_ANYWHERE GATECRASH_VECTOR_MC, RETURN_MASKED_TO_NMI

// What is on this stack stays there until it has been used: MCIP is still set.
#ifndef DEFECT_MC_RETURNS_BY_IRET
ENTRY mc_returns_masked
        pushq 16(%rsp)
        popfq
        movq 24(%rsp), %rsp
        jmp *mc_stack_top - 40(%rip)
#endif

// The vector stands where an error code would.
ENTRY entry_irq
#ifdef DEFECT_INT3_IN_ENTRY
        int3
#endif
        CLEAR_DF_AND_AC
        testb $3, 16(%rsp)
        jnz 1f
        SAVE_REGS
        KEEP_EXIT_KIND EXIT_TO_KERNEL
        TRACE_IRQS_OFF 0
        CALL_ON_IRQ_STACK interrupt_body
        jmp RETURN_TO_KERNEL
1:
#ifdef DEFECT_TRACE_BEFORE_SWAPGS
        SAVE_REGS
        TRACE_IRQS_OFF 0
        RESTORE_REGS_BUT_RDI
        popq %rdi
        ENTER_FROM_USER
#else
        ENTER_FROM_USER
        TRACE_IRQS_OFF 0
#endif
        KEEP_EXIT_KIND EXIT_TO_USER
        CALL_ON_IRQ_STACK interrupt_body
        jmp RETURN_TO_USER

// A fault at CPL 0, its vector in %esi. If it is the exit's IRET that faulted, the user asked for what cannot be
// returned to, and the fault is the user's: everything but the IRET frame is the user's already.
//
//      SS RSP RFLAGS CS RIP      of the IRET; RSP leads to the IRET frame that it faulted on
//      error code, registers     RSP is here, on the entry stack
ENTRY fault_in_kernel
#ifndef DEFECT_NO_IRET_FIXUP
        leaq return_iret(%rip), %rax
        cmpq %rax, GATECRASH_FRAME_RIP(%rsp)
        je fault_of_return
#ifdef DEFECT_NMI_FROM_USER_STAYS
        leaq nmi_iret(%rip), %rax
        cmpq %rax, GATECRASH_FRAME_RIP(%rsp)
        je fault_of_return
#endif
#endif
        leaq gs_change(%rip), %rax
        cmpq %rax, GATECRASH_FRAME_RIP(%rsp)
        je fault_of_gs_change
        KEEP_EXIT_KIND EXIT_TO_KERNEL
        movq %rsp, %rdi
        call exception_body
        jmp RETURN_TO_KERNEL

// Makes a frame on the task stack as if the instruction that was to be returned to had faulted.
ENTRY fault_of_return
#ifndef DEFECT_IRET_FIXUP_WITHOUT_SWAPGS
        swapgs
#endif
        TO_KERNEL_CR3 %rax
        movq %rsp, %rdi
#ifndef DEFECT_IRET_FIXUP_ON_ENTRY_STACK
        movq TASK_STACK_TOP, %rsp
#endif
        movq GATECRASH_FRAME_RSP(%rdi), %rax
        PUSH_IRET_FRAME 0(%rax)
#ifdef DEFECT_RETURN_FAULT_NAMES_THE_IRET
        word = 0
        .rept 2                         // RIP, CS
        movq GATECRASH_FRAME_RIP + word(%rdi), %rax
        movq %rax, word(%rsp)
        word = word + 8
        .endr
#endif
        word = GATECRASH_FRAME_ERROR
        .rept 16
        pushq word(%rdi)
        word = word - 8
        .endr
        movq %rsp, %rdi
#ifndef DEFECT_EXIT_KIND_NOT_SET
        KEEP_EXIT_KIND EXIT_TO_USER
#endif
#ifdef DEFECT_RETURN_FAULT_IS_THE_KERNELS
        call exception_body_without_context
#else
        call exception_body
#endif
#ifdef EXIT_KIND_IN_EBX
        jmp exit_by_kind
#else
        jmp return_to_user
#endif

// Loads a selector, in %edi, into the user's GS: with the user's GS base in use, which goes with it. What faults there
// is the load. Returns in %eax whether it did not.
ENTRY load_gs_index
        pushfq
        cli
        swapgs
        movl $1, %eax
        .globl gs_change
gs_change:
        movl %edi, %gs
        swapgs
        popfq
        ret
        .globl gs_change_failed
gs_change_failed:
        swapgs
        xorl %eax, %eax
        movl %eax, %gs
        swapgs
        popfq
        ret

// The fault of that load: the GS base is the user's, the rest is the kernel's. It goes on at gs_change_failed.
ENTRY fault_of_gs_change
#ifndef DEFECT_NO_GS_CHANGE_FIXUP
        swapgs
#endif
        leaq gs_change_failed(%rip), %rax
        movq %rax, GATECRASH_FRAME_RIP(%rsp)
        movq %rsp, %rdi
        call exception_body
        jmp return_to_kernel

// A double fault. CR2 is that of the fault before it only until something else faults, so it is read at once.
ENTRY entry_df
        EXPECT_ERROR_CODE GATECRASH_VECTOR_DF
        CLEAR_DF_AND_AC
        SAVE_REGS
#if !defined(DEFECT_NO_ESPFIX) && !defined(DEFECT_NO_ESPFIX_FIXUP)
        // What the user asked for cannot be returned to; of the first fault's vector and error code nothing is left.
        movl $GATECRASH_VECTOR_GP, %esi
        leaq return_iret_espfix(%rip), %rax
        cmpq %rax, GATECRASH_FRAME_RIP(%rsp)
        je fault_of_return
#endif
        ENTER_PARANOID
        movq %rsp, %rdi
        movq %cr2, %rsi
        call double_fault_body
        EXIT_PARANOID
        RESTORE_REGS
        iretq

#ifdef EXIT_KIND_IN_EBX
ENTRY exit_by_kind
        testl %ebx, %ebx
        jz return_to_user
#endif
ENTRY return_to_kernel
        RESTORE_REGS
        iretq

// The way back to CPL 3 that can restore everything. RSP is at the frame, on the task stack. The last part runs on the
// entry stack, since that is mapped on the user's page tables.
ENTRY return_to_user
        RESTORE_REGS_BUT_RDI
#ifndef DEFECT_NO_ESPFIX
        testb $SELECTOR_TI, GATECRASH_FRAME_SS - GATECRASH_FRAME_RDI(%rsp)
        jnz return_to_ldt_stack
.Lreturn_by_iret:
#endif
        movq %rsp, %rdi
        leaq entry_stack_top(%rip), %rsp
        PUSH_IRET_FRAME 16(%rdi)
        pushq (%rdi)
        TO_USER_CR3 %rdi
        popq %rdi
        swapgs
        .globl return_iret
return_iret:
        iretq

#ifndef DEFECT_NO_ESPFIX
// To a stack segment of an LDT, which may be a 16-bit one: IRET then restores 16 bits of RSP, and leaves bits 16 to 31 as
// the kernel has them.
ENTRY return_to_ldt_stack
        pushq %rax
        movl GATECRASH_FRAME_SS - GATECRASH_FRAME_RDI + 8(%rsp), %eax
        lar %eax, %eax
        jnz 1f
        testl $DESCRIPTOR_B, %eax
        jz return_by_espfix
1:      popq %rax
        jmp .Lreturn_by_iret

// So the kernel has them as the user does: RSP leads to the view of the espfix stack (guest.lds.S). That cannot be
// written, so a fault of this IRET becomes a double fault, which has a stack of its own.
        .globl return_by_espfix
return_by_espfix:
        movl GATECRASH_FRAME_RSP - GATECRASH_FRAME_RDI + 8(%rsp), %edi
        andl $0xffff0000, %edi
        movabsq $espfix_base, %rax
        orq %rax, %rdi
        .globl espfix_copy
espfix_copy:
        word = 0
        .rept 2                         // RAX, RDI
        movq word(%rsp), %rax
        movq %rax, espfix_stack + word
        word = word + 8
        .endr
        .rept 4                         // RIP, CS, RFLAGS, RSP
        movq word + 8(%rsp), %rax
        movq %rax, espfix_stack + word
        word = word + 8
        .endr
        movq word + 8(%rsp), %rax       // SS
        .globl espfix_copied
espfix_copied:
        movq %rax, espfix_stack + word
        movq %rdi, %rsp
        TO_USER_CR3 %rdi
        swapgs
        popq %rax
        popq %rdi
        .globl return_iret_espfix
return_iret_espfix:
        iretq
#endif

// The first return to user code, with its IRET frame at RSP.
        .text
ENTRY boot_to_user
        movq %cr4, %rax
        orq $CR4_AT_BOOT, %rax
        movq %rax, %cr4
        // A debugger has breakpoints: LE and GE say so, the harness plays the breakpoint (docs/limits.md).
        movl $DR7_ARMED, %eax
        movq %rax, %dr7
#ifdef DEFECT_FMASK_WITHOUT
        movl $MSR_FMASK, %ecx
        rdmsr
        andl $~DEFECT_FMASK_WITHOUT, %eax
        wrmsr
#endif
        pushq $0
        SAVE_REGS
        jmp return_to_user
