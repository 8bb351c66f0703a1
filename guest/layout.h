/* What both linker scripts have in common, from where the script says that the kernel lies, KERNEL_BASE: text, data and
 * stacks; and the IDT, of which the script says what a gate is, by GATE(entry, IST entry, DPL), and by DF_GATE for #DF. */
#ifndef GATECRASH_GUEST_LAYOUT_H
#define GATECRASH_GUEST_LAYOUT_H

#define STACK_PHYSICAL(slot) (GATECRASH_STACKS + (slot) * 2 * GATECRASH_STACK_SIZE + GATECRASH_STACK_SIZE)
#define STACK(name, slot) \
    .stack.name KERNEL_BASE + STACK_PHYSICAL(slot) : AT(STACK_PHYSICAL(slot)) { *(.stack.name) } :name

/* Text. The stop-byte stepper fills whole pages of it, so constants never share one with code. */
#define TEXT_SECTIONS \
    .text KERNEL_BASE + GATECRASH_TEXT : AT(GATECRASH_TEXT) { \
        *(.text .text.*) \
        noinstr_text_begin = .; \
        *(.noinstr.text) \
    } :text \
    . = ALIGN(GATECRASH_PAGE); \
    .entry.text . : AT(ADDR(.entry.text) - KERNEL_BASE) { \
        *(.entry.text) \
        entry_text_end = .; \
    } :entry_text \
    . = ALIGN(GATECRASH_PAGE);

#define DATA_SECTIONS \
    .data KERNEL_BASE + GATECRASH_DATA : AT(GATECRASH_DATA) { *(.data .data.*) *(.bss .bss.* COMMON) } :data \
    . = ALIGN(GATECRASH_PAGE); \
    .log . : AT(ADDR(.log) - KERNEL_BASE) { *(.log) } :log \
    . = ALIGN(GATECRASH_PAGE); \
    .entry.data . : AT(ADDR(.entry.data) - KERNEL_BASE) { *(.entry.data) } :entry_data \
    ASSERT(. <= KERNEL_BASE + GATECRASH_STACKS, "data, log ring and entry area reach into the stacks") \
    ASSERT(ADDR(.tables) + SIZEOF(.tables) <= KERNEL_BASE + GATECRASH_DATA, "text reaches into the data")

#define IRQ_DPL(vector) ((vector) == GATECRASH_USER_IRQ ? 3 : 0)
#define IRQ(vector) \
    GATE(entry_irq_stubs + ((vector) - GATECRASH_FIRST_IRQ) * GATECRASH_IRQ_STUB_SIZE, 0, IRQ_DPL(vector))
#define IRQ4(vector) IRQ(vector) IRQ((vector) + 1) IRQ((vector) + 2) IRQ((vector) + 3)
#define IRQ16(vector) IRQ4(vector) IRQ4((vector) + 4) IRQ4((vector) + 8) IRQ4((vector) + 12)

#define IDT \
    GATE(entry_de, 0, 0) GATE(entry_db, ist_of_db, dpl_of_db) GATE(entry_nmi, GATECRASH_IST_NMI, 0) \
    GATE(entry_bp, ist_of_bp, 3) GATE(entry_of, 0, 3) GATE(entry_br, 0, 0) GATE(entry_ud, 0, 0) GATE(entry_nm, 0, 0) \
    DF_GATE GATE(entry_9, 0, 0) GATE(entry_ts, 0, 0) GATE(entry_np, 0, 0) \
    GATE(entry_ss, 0, 0) GATE(entry_gp, 0, 0) GATE(entry_pf, 0, 0) GATE(entry_15, 0, 0) GATE(entry_mf, 0, 0) \
    GATE(entry_ac, 0, 0) GATE(entry_mc, ist_of_mc, 0) GATE(entry_xm, 0, 0) GATE(entry_ve, 0, 0) \
    GATE(entry_cp, 0, 0) GATE(entry_22, 0, 0) GATE(entry_23, 0, 0) GATE(entry_24, 0, 0) GATE(entry_25, 0, 0) \
    GATE(entry_26, 0, 0) GATE(entry_27, 0, 0) GATE(entry_hv, 0, 0) GATE(entry_vc, ist_of_vc, 0) GATE(entry_sx, 0, 0) \
    GATE(entry_31, 0, 0) \
    IRQ16(0x20) IRQ16(0x30) IRQ16(0x40) IRQ16(0x50) IRQ16(0x60) IRQ16(0x70) IRQ16(0x80) IRQ16(0x90) \
    IRQ16(0xa0) IRQ16(0xb0) IRQ16(0xc0) IRQ16(0xd0) IRQ16(0xe0) IRQ16(0xf0)

#endif
