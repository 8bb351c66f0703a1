/* The part of the layout that both linker scripts share: text, data, stacks and the IDT. The including script defines
 * KERNEL_BASE, which is the address of the kernel, and DF_GATE, which is the gate of #DF. It also defines the layout of
 * a gate, GATE(entry, IST entry, DPL, 1 for a trap gate). */
#ifndef GATECRASH_GUEST_LAYOUT_H
#define GATECRASH_GUEST_LAYOUT_H

#define STACK_PHYSICAL(slot) (GATECRASH_STACKS + (slot) * 2 * GATECRASH_STACK_SIZE + GATECRASH_STACK_SIZE)
#define STACK(name, slot) \
    .stack.name KERNEL_BASE + STACK_PHYSICAL(slot) : AT(STACK_PHYSICAL(slot)) { *(.stack.name) } :name

/* Text. The stop-byte stepper fills whole pages of text with stop bytes, so constants never share a page with code. */
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

/* A field of a gate: the value of the absolute symbol `symbol` if entry code defines it, else `otherwise`. */
#define CHOSEN(symbol, otherwise) (DEFINED(symbol) ? symbol : (otherwise))
#define CHOSEN_GATE(entry, name, ist, dpl) \
    GATE(entry, CHOSEN(ist_of_##name, ist), CHOSEN(dpl_of_##name, dpl), CHOSEN(trap_gate_of_##name, 0))
#define EXCEPTION(name, ist, dpl) CHOSEN_GATE(entry_##name, name, ist, dpl)

#define IRQ(vector) \
    CHOSEN_GATE(entry_irq_stubs + ((vector) - GATECRASH_FIRST_IRQ) * GATECRASH_IRQ_STUB_SIZE, irq, 0, \
                (vector) == GATECRASH_USER_IRQ ? 3 : 0)
#define IRQ4(vector) IRQ(vector) IRQ((vector) + 1) IRQ((vector) + 2) IRQ((vector) + 3)
#define IRQ16(vector) IRQ4(vector) IRQ4((vector) + 4) IRQ4((vector) + 8) IRQ4((vector) + 12)

#define IDT \
    EXCEPTION(de, 0, 0) EXCEPTION(db, GATECRASH_IST_DB, 0) EXCEPTION(nmi, GATECRASH_IST_NMI, 0) EXCEPTION(bp, 0, 3) \
    EXCEPTION(of, 0, 3) EXCEPTION(br, 0, 0) EXCEPTION(ud, 0, 0) EXCEPTION(nm, 0, 0) DF_GATE EXCEPTION(9, 0, 0) \
    EXCEPTION(ts, 0, 0) EXCEPTION(np, 0, 0) EXCEPTION(ss, 0, 0) EXCEPTION(gp, 0, 0) EXCEPTION(pf, 0, 0) \
    EXCEPTION(15, 0, 0) EXCEPTION(mf, 0, 0) EXCEPTION(ac, 0, 0) EXCEPTION(mc, GATECRASH_IST_MC, 0) EXCEPTION(xm, 0, 0) \
    EXCEPTION(ve, 0, 0) EXCEPTION(cp, 0, 0) EXCEPTION(22, 0, 0) EXCEPTION(23, 0, 0) EXCEPTION(24, 0, 0) \
    EXCEPTION(25, 0, 0) EXCEPTION(26, 0, 0) EXCEPTION(27, 0, 0) EXCEPTION(hv, 0, 0) EXCEPTION(vc, 0, 0) \
    EXCEPTION(sx, 0, 0) EXCEPTION(31, 0, 0) \
    IRQ16(0x20) IRQ16(0x30) IRQ16(0x40) IRQ16(0x50) IRQ16(0x60) IRQ16(0x70) IRQ16(0x80) IRQ16(0x90) \
    IRQ16(0xa0) IRQ16(0xb0) IRQ16(0xc0) IRQ16(0xd0) IRQ16(0xe0) IRQ16(0xf0)

#endif
