// The own entry stubs of the runtime of 32-bit guests. Each symbol is weak: a case, or entry code from outside, replaces it
// by defining it. All run on the stack that they come on, and with the page tables that they find.
#include "entry32.h"

        .section .entry.text, "ax"

WEAK_ENTRY entry_bp
        pushl $0
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_BP

// NMIs are masked until the next IRET.
WEAK_ENTRY entry_nmi
        pushl $0
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_NMI

WEAK_ENTRY entry_db
        pushl $0
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_DB
WEAK_ENTRY entry_mc
        pushl $0
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_MC

// A page that was not there is by the time the body ends. If nobody put it there, the fault comes again and again.
WEAK_ENTRY entry_pf
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_PF

// External interrupts: one stub a vector, each GATECRASH_IRQ_STUB_SIZE bytes.
        .balign GATECRASH_IRQ_STUB_SIZE
        .globl entry_irq_stubs
entry_irq_stubs:
        vector = GATECRASH_FIRST_IRQ
        .rept GATECRASH_VECTORS - GATECRASH_FIRST_IRQ
        .balign GATECRASH_IRQ_STUB_SIZE
        pushl $0
        pushl $vector
        jmp entry_irq
        vector = vector + 1
        .endr
        .balign GATECRASH_IRQ_STUB_SIZE

// Error code and vector are pushed already.
WEAK_ENTRY entry_irq
        SAVE_REGS32
        LOAD_KERNEL_SEGMENTS
        cld
        movl %esp, %eax
        movl GATECRASH_FRAME32_VECTOR(%esp), %edx
        call event_body
        RESTORE_REGS32
        iretl

// On the stack of IA32_SYSENTER_ESP, which is the task stack unless the guest says otherwise.
WEAK_ENTRY entry_sysenter
        ENTER_SYSENTER32
        EXIT_BY_SYSEXIT32

.macro FATAL_WITHOUT_CODE name vector
WEAK_ENTRY \name
        pushl $0
        ENTRY_FATAL32 \vector
.endm
.macro FATAL_WITH_CODE name vector
WEAK_ENTRY \name
        ENTRY_FATAL32 \vector
.endm
#include "fatal_entries.h"
