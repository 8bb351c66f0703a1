// The runtime's own entry stubs. Each symbol is weak: a case, or your own entry code, replaces a stub by defining its
// symbol.
#include "entry.h"

        .section .entry.text, "ax"

WEAK_ENTRY entry_bp
        pushq $0
        ENTRY_PLAIN event_body GATECRASH_VECTOR_BP

// NMI: runs on IST 1, with NMIs masked until the next IRET, and the GS base unknown.
WEAK_ENTRY entry_nmi
        pushq $0
        ENTRY_PARANOID event_body GATECRASH_VECTOR_NMI

// #DB and #MC: run on IST 2 and IST 4, since they too can arrive at any instruction. A second #DB would overwrite the
// frame of a first one that is still on the stack, so no breakpoint may hit there. A second machine check cannot arrive
// before the body clears MCIP.
WEAK_ENTRY entry_db
.Ldb_on_ist_stack:
        LEAVE_IST_STACK
.Ldb_left_ist_stack:
        pushq $0
        ENTRY_PARANOID event_body GATECRASH_VECTOR_DB
WEAK_ENTRY entry_mc
        LEAVE_IST_STACK
        pushq $0
        ENTRY_PARANOID event_body GATECRASH_VECTOR_MC

        .section .rodata
        .balign 8
        .weak breakpoints_refused
breakpoints_refused:
        .quad .Ldb_on_ist_stack, .Ldb_left_ist_stack
        .quad 0, 0
        .section .entry.text, "ax"

// #PF: the body models a handler that maps the absent page, so the instruction succeeds after the return. An access to
// an address that is really unmapped faults again and again.
WEAK_ENTRY entry_pf
        ENTRY_PLAIN event_body GATECRASH_VECTOR_PF

// External interrupts: each vector has a stub of GATECRASH_IRQ_STUB_SIZE bytes.
        .balign GATECRASH_IRQ_STUB_SIZE
        .globl entry_irq_stubs
entry_irq_stubs:
        vector = GATECRASH_FIRST_IRQ
        .rept GATECRASH_VECTORS - GATECRASH_FIRST_IRQ
        .balign GATECRASH_IRQ_STUB_SIZE
        pushq $vector
        jmp entry_irq
        vector = vector + 1
        .endr
        .balign GATECRASH_IRQ_STUB_SIZE

WEAK_ENTRY entry_irq
        IRQ_BODY
        testb $3, 8(%rsp)
        jz 1f
        swapgs
1:      iretq

WEAK_ENTRY entry_syscall
        ENTER_SYSCALL
        EXIT_BY_SYSRET

.macro FATAL_WITHOUT_CODE name vector
WEAK_ENTRY \name
        pushq $0
        ENTRY_FATAL \vector
.endm
.macro FATAL_WITH_CODE name vector
WEAK_ENTRY \name
        ENTRY_FATAL \vector
.endm
#include "fatal_entries.h"
