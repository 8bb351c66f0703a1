/* Lays out a 64-bit guest (gatecrash/abi.h). The harness turns each program header into page-table entries and a part
 * of a memory slot. Memory that a header does not make writable is in a read-only slot. */
#include "gatecrash/abi.h"
#define KERNEL_BASE GATECRASH_KERNEL_BASE
#include "layout.h"

ENTRY(boot)
/* Makes the linker take these symbols from the archive even if a guest replaces everything else: this script uses
 * them. */
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
    shadow_stacks PT_LOAD FLAGS(4 | GATECRASH_PF_ENTRY_AREA | GATECRASH_PF_SHADOW_STACK);
    user_shadow_stack PT_LOAD FLAGS(4 | GATECRASH_PF_SHADOW_STACK);
}

/* A 64-bit interrupt gate or trap gate (APM volume 2, 4.8.4), present, DPL `dpl`. */
#define GATE(entry, ist, dpl, is_trap) \
    SHORT((entry) & 0xffff) SHORT(GATECRASH_KERNEL_CS) BYTE(ist) BYTE(0x8e | ((dpl) << 5) | (is_trap)) \
    SHORT(((entry) >> 16) & 0xffff) LONG(0xffffffff) LONG(0)
#define DF_GATE EXCEPTION(df, GATECRASH_IST_DF, 0)

/* RSP0 is the top of the task stack, or of the entry stack if entry code defines `rsp0_is_entry_stack`. CHOSEN_GATE
 * offers similar choices for gates. */
tss_rsp0 = DEFINED(rsp0_is_entry_stack) ? entry_stack_top : task_stack_top;

SECTIONS {
    TEXT_SECTIONS
    .tables . : AT(ADDR(.tables) - KERNEL_BASE) {
        *(.tables.gdt)
        /* Descriptor of the LDT (APM volume 2, 4.8.3). */
        SHORT(ldt_end - ldt - 1) SHORT(ldt & 0xffff) BYTE((ldt >> 16) & 0xff) BYTE(0x82) BYTE(0)
        BYTE((ldt >> 24) & 0xff) LONG(ldt >> 32) LONG(0)
        /* Data, accessed already, DPL 0; the limit is the number of this CPU, 0. */
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
    /* Entry code may reserve a page for the frame of an IRET to a 16-bit stack segment. That IRET leaves bits 16 to 31
     * of RSP unchanged. So a read-only view maps the page at an address that has these bits of the user stack. */
    STACK(espfix, 6)
    espfix_base = 0xffffff0000000000;
    .espfix.view espfix_base + GATECRASH_USER_STACK : AT(STACK_PHYSICAL(6)) { *(.espfix.view) } :espfix_view

    /* Both stay empty unless a guest defines shadow stacks (guest/shadow_stacks.h). */
    .shadow_stacks KERNEL_BASE + STACK_PHYSICAL(8) : AT(STACK_PHYSICAL(8)) { *(.shadow_stacks) } :shadow_stacks
    .user_shadow_stack GATECRASH_USER_SHADOW_STACK : AT(GATECRASH_USER_SHADOW_STACK_PHYSICAL) {
        *(.user_shadow_stack)
    } :user_shadow_stack

    .user GATECRASH_USER_TEXT : AT(GATECRASH_USER_TEXT_PHYSICAL) { *(.user .user.*) } :user_text
    ASSERT(SIZEOF(.user) <= GATECRASH_USER_TOP_PHYSICAL - GATECRASH_USER_TEXT_PHYSICAL, "too much user code")
    /* Stays empty unless a guest puts something into the section. */
    .user_top GATECRASH_USER_TOP : AT(GATECRASH_USER_TOP_PHYSICAL) { *(.user_top) } :user_top
    ASSERT(SIZEOF(.user_top) <= GATECRASH_PAGE, "more than one page at the top of user addresses")
    .stack.user GATECRASH_USER_STACK : AT(GATECRASH_USER_STACK_PHYSICAL) { *(.stack.user) } :user_stack

    /DISCARD/ : { *(.comment .note.* .eh_frame) }
}
