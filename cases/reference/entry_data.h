/* The data of the reference entry: symbols that choose gates (docs/reference/sdk.md), ranges that the harness reads
 * (gatecrash/abi.h), and memory. For entry.S only, since a guest may define these only once. */

/* --- gates ------------------------------------------------------------------------------------------------------- */

        .globl rsp0_is_entry_stack
        rsp0_is_entry_stack = 1

#ifdef IST_OF_MC
        .globl ist_of_mc
        ist_of_mc = IST_OF_MC
#endif
#ifdef IST_OF_DF
        .globl ist_of_df
        ist_of_df = IST_OF_DF
#endif
#ifdef IST_OF_BP
        .globl ist_of_bp
        ist_of_bp = IST_OF_BP
#endif
#ifdef IST_OF_DB
        .globl ist_of_db
        ist_of_db = IST_OF_DB
#endif
#ifdef DPL_OF_DB
        .globl dpl_of_db
        dpl_of_db = DPL_OF_DB
#endif

/* --- breakpoints and watchpoints --------------------------------------------------------------------------------- */

#ifndef FIRST_WITHOUT_BREAKPOINTS
#define FIRST_WITHOUT_BREAKPOINTS noinstr_text_begin
#endif

/* Refuses breakpoints in all text where a #DB could overwrite the frame of another one: bodies that run on its IST
 * stack, and entry text. */
#ifndef REFUSE_BREAKPOINTS
.macro REFUSE_BREAKPOINTS
        .section .rodata
        .globl breakpoints_refused
        .balign 8
breakpoints_refused:
        .quad FIRST_WITHOUT_BREAKPOINTS, entry_text_end
        .quad 0, 0
.endm
#endif
        REFUSE_BREAKPOINTS

/* Refuses watchpoints on data that the entry of #DB uses, that the CPU uses to deliver a #DB, or that every exit uses.
 * The first range contains the tables, with GDT, TSS and IDT, in the order of the linker script. */
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

/* --- memory of designs ------------------------------------------------------------------------------------------- */

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
        .long -1                        // the number of bodies on that stack, minus 1
        .bss
        .balign 16
        .fill 1024
irq_stack_top:
#endif
