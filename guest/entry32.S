// The entry stubs of the runtime of 32-bit guests. Each symbol is weak: a case, or your own entry code, replaces a stub
// by defining its symbol. No stub switches the stack or the page tables.
#include "entry32.h"

        .section .entry.text, "ax"

WEAK_ENTRY entry_bp
        pushl $0
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_BP

// NMI: NMIs stay masked until the next IRET.
WEAK_ENTRY entry_nmi
        pushl $0
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_NMI

WEAK_ENTRY entry_db
        pushl $0
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_DB
WEAK_ENTRY entry_mc
        pushl $0
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_MC

// #PF: the body models a handler that maps the absent page, so the instruction succeeds after the return. An access to
// an address that is really unmapped faults again and again.
WEAK_ENTRY entry_pf
        ENTRY_PLAIN32 event_body GATECRASH_VECTOR_PF

// External interrupts: each vector has a stub of GATECRASH_IRQ_STUB_SIZE bytes.
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

// External interrupts of all vectors: the stub has pushed an error code and the vector.
WEAK_ENTRY entry_irq
        SAVE_REGS32
        LOAD_KERNEL_SEGMENTS
        cld
        movl %esp, %eax
        movl GATECRASH_FRAME32_VECTOR(%esp), %edx
        CALL_OUTSIDE event_body
        RESTORE_REGS32
        iretl

// SYSENTER: runs on the stack of IA32_SYSENTER_ESP, which is the task stack unless the guest chooses another one.
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
