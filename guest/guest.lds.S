/* Where a 64-bit guest lies (gatecrash/abi.h). Every program header becomes page-table entries and part of a memory
 * slot: what is not writable here is in a read-only slot. */
#include "gatecrash/abi.h"
#define KERNEL_BASE GATECRASH_KERNEL_BASE
#include "layout.h"

ENTRY(boot)
/* What this script uses, so that the linker takes it out of the archive also when a guest replaces all the rest. */
EXTERN(boot entry_irq_stubs gatecrash_abi)

PHDRS {
    text PT_LOAD FLAGS(5);
    entry_text PT_LOAD FLAGS(5 | GATECRASH_PF_ENTRY_AREA);
    tables PT_LOAD FLAGS(4 | GATECRASH_PF_ENTRY_AREA);
    data PT_LOAD FLAGS(6);
    log PT_LOAD FLAGS(6);
    entry_data PT_LOAD FLAGS(6 | GATECRASH_PF_ENTRY_AREA);
    task PT_LOAD FLAGS(6);
    entry PT_LOAD FLAGS(6 | GATECRASH_PF_ENTRY_AREA);
    nmi PT_LOAD FLAGS(6 | GATECRASH_PF_ENTRY_AREA);
    db PT_LOAD FLAGS(6 | GATECRASH_PF_ENTRY_AREA);
    df PT_LOAD FLAGS(6 | GATECRASH_PF_ENTRY_AREA);
    mc PT_LOAD FLAGS(6 | GATECRASH_PF_ENTRY_AREA);
    espfix PT_LOAD FLAGS(6);
    espfix_view PT_LOAD FLAGS(4 | GATECRASH_PF_ENTRY_AREA);
    user_text PT_LOAD FLAGS(5);
    user_stack PT_LOAD FLAGS(6);
    user_top PT_LOAD FLAGS(5);
}

/* A 64-bit interrupt gate or trap gate (APM volume 2, 4.8.4), present, DPL `dpl`. */
#define GATE(entry, ist, dpl, is_trap) \
    SHORT((entry) & 0xffff) SHORT(GATECRASH_KERNEL_CS) BYTE(ist) BYTE(0x8e | ((dpl) << 5) | (is_trap)) \
    SHORT(((entry) >> 16) & 0xffff) LONG(0xffffffff) LONG(0)
#define DF_GATE EXCEPTION(df, GATECRASH_IST_DF, 0)

/* What entry code may choose by defining a symbol: the stack that RSP0 leads to. See CHOSEN_GATE for gates. */
tss_rsp0 = DEFINED(rsp0_is_entry_stack) ? entry_stack_top : task_stack_top;

SECTIONS {
    TEXT_SECTIONS
    .tables . : AT(ADDR(.tables) - KERNEL_BASE) {
        *(.tables.gdt)
        /* The LDT's descriptor (APM volume 2, 4.8.3). */
        SHORT(ldt_end - ldt - 1) SHORT(ldt & 0xffff) BYTE((ldt >> 16) & 0xff) BYTE(0x82) BYTE(0)
        BYTE((ldt >> 24) & 0xff) LONG(ldt >> 32) LONG(0)
        /* Data, accessed already, DPL 0, with a limit of 0 bytes: of CPU 0. */
        LONG(0) LONG(0x00409100)
        gdt_limit = ABSOLUTE(. - gdt - 1);
        *(.tables)
        . = ALIGN(16);
        idt = .;
        IDT
        idt_limit = ABSOLUTE(. - idt - 1);
        *(.rodata .rodata.*)
    } :tables

    DATA_SECTIONS

    STACK(task, 0)
    STACK(nmi, 1)
    STACK(db, 2)
    STACK(df, 3)
    STACK(mc, 4)
    STACK(entry, 5)
    /* Entry code may have a page for the frame of an IRET to a 16-bit stack segment, and a read-only view of it whose
     * address has bits 16 to 31 of the user stack's: that IRET leaves them as they are. */
    STACK(espfix, 6)
    espfix_base = 0xffffff0000000000;
    .espfix.view espfix_base + GATECRASH_USER_STACK : AT(STACK_PHYSICAL(6)) { *(.espfix.view) } :espfix_view

    .user GATECRASH_USER_TEXT : AT(GATECRASH_USER_TEXT_PHYSICAL) { *(.user .user.*) } :user_text
    ASSERT(SIZEOF(.user) <= GATECRASH_USER_TOP_PHYSICAL - GATECRASH_USER_TEXT_PHYSICAL, "too much user code")
    /* Only of a guest that has something there. */
    .user_top GATECRASH_USER_TOP : AT(GATECRASH_USER_TOP_PHYSICAL) { *(.user_top) } :user_top
    ASSERT(SIZEOF(.user_top) <= GATECRASH_PAGE, "more than one page at the top of user addresses")
    .stack.user GATECRASH_USER_STACK : AT(GATECRASH_USER_STACK_PHYSICAL) { *(.stack.user) } :user_stack

    /DISCARD/ : { *(.comment .note.* .eh_frame) }
}
