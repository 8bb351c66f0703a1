/* Lays out a 32-bit guest (gatecrash/abi.h). The harness turns each program header into page-table entries and a part
 * of a memory slot. Memory that a header does not make writable is in a read-only slot. */
#include "gatecrash/abi.h"
#define KERNEL_BASE GATECRASH_KERNEL_BASE32
#include "layout.h"

OUTPUT_FORMAT(elf32-i386)
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
    df PT_LOAD FLAGS(6 | GATECRASH_PF_ENTRY_AREA);
    sysenter PT_LOAD FLAGS(6 | GATECRASH_PF_ENTRY_AREA);
    user_vm86 PT_LOAD FLAGS(5);
    user_text PT_LOAD FLAGS(5);
    user_stack PT_LOAD FLAGS(6);
}

/* A 32-bit gate (SDM volume 3, 6.11), present, of any type and DPL. 32-bit mode has no IST. */
#define GATE_OF(selector, entry, type) \
    SHORT((entry) & 0xffff) SHORT(selector) BYTE(0) BYTE(0x80 | (type)) SHORT(((entry) >> 16) & 0xffff)
#define GATE(entry, ist, dpl, is_trap) GATE_OF(GATECRASH_KERNEL_CS, entry, 0x0e | ((dpl) << 5) | (is_trap))
/* A task gate has no address. */
#define DF_GATE \
    GATE_OF(df_is_task ? GATECRASH_DF_TSS : GATECRASH_KERNEL_CS, df_is_task ? 0 : entry_df, df_is_task ? 0x05 : 0x0e)

/* Splits a descriptor's base into its parts, for DESCRIPTOR32. */
#define BASE_OF(name, address) \
    name##_base_0 = (address) & 0xffff; \
    name##_base_16 = ((address) >> 16) & 0xff; \
    name##_base_24 = ((address) >> 24) & 0xff;

/* Entry code chooses by defining absolute symbols: the stack of ESP0, the stack on which SYSENTER starts, and whether
 * #DF switches to the task `df_tss`. CHOSEN_GATE offers similar choices for gates. */
tss_esp0 = ABSOLUTE(DEFINED(esp0_is_entry_stack) ? entry_stack_top : task_stack_top);
PROVIDE(sysenter_esp = ABSOLUTE(DEFINED(sysenter_esp_is_entry_stack) ? entry_stack_top
    : DEFINED(sysenter_esp_is_sysenter_stack) ? sysenter_stack_top : task_stack_top));
df_is_task = DEFINED(df_by_task_gate);

BASE_OF(per_cpu, per_cpu)
BASE_OF(tss, tss)
BASE_OF(df_tss, DEFINED(df_tss) ? df_tss : 0)
BASE_OF(ldt, ldt)
entry_stack_segment = ABSOLUTE(entry_stack & 0xffff0000);
BASE_OF(espfix, entry_stack_segment)
df_tss_access = DEFINED(df_tss) ? 0x89 : 0;

SECTIONS {
    TEXT_SECTIONS
    .tables . : AT(ADDR(.tables) - KERNEL_BASE) {
        runtime_gdt = .;
        *(.tables.gdt)
        PROVIDE(gdt_limit = ABSOLUTE(. - runtime_gdt - 1));
        *(.tables)
        . = ALIGN(16);
        idt = .;
        IDT
        idt_limit = ABSOLUTE(. - idt - 1);
        *(.rodata .rodata.*)
    } :tables

    DATA_SECTIONS

    STACK(task, 0)
    STACK(sysenter, 1)
    STACK(df, 3)
    STACK(entry, 5)

    /* Stays empty unless a guest puts something into the section. */
    .user_vm86 GATECRASH_VM86_TEXT : AT(GATECRASH_USER_TOP_PHYSICAL) { *(.user_vm86) } :user_vm86
    ASSERT(SIZEOF(.user_vm86) <= GATECRASH_PAGE, "more than one page of VM86 code")
    .user GATECRASH_USER_TEXT : AT(GATECRASH_USER_TEXT_PHYSICAL) { *(.user .user.*) } :user_text
    ASSERT(SIZEOF(.user) <= GATECRASH_USER_TOP_PHYSICAL - GATECRASH_USER_TEXT_PHYSICAL, "too much user code")
    .stack.user GATECRASH_USER_STACK : AT(GATECRASH_USER_STACK_PHYSICAL) { *(.stack.user) } :user_stack

    /DISCARD/ : { *(.comment .note.* .eh_frame) }
}
