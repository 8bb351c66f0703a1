/* Macros for the tables of 64-bit and 32-bit guests: stacks, and the descriptor. */
#ifndef GATECRASH_GUEST_TABLES_H
#define GATECRASH_GUEST_TABLES_H

/* Stores an address in a field of 64 bits. */
.macro ADDRESS address
#ifdef __i386__
        .long \address, 0
#else
        .quad \address
#endif
.endm

/* Adds an element to the table `stacks`. */
.macro STACK_ENTRY name
1:      .ascii "\name"
        .fill 16 - (. - 1b), 1, 0
        ADDRESS \name\()_stack
        ADDRESS \name\()_stack_top
.endm

.macro CANARY
        .rept GATECRASH_CANARY_SIZE / 8
        .quad GATECRASH_CANARY
        .endr
.endm

/* Defines a stack with a canary at each end, a page in all unless `size` says otherwise. The linker script leaves an
 * unmapped guard page on each side. */
.macro STACK name size=(GATECRASH_STACK_SIZE - 2 * GATECRASH_CANARY_SIZE)
        .section .stack.\name, "aw", @progbits
        .globl \name\()_stack, \name\()_stack_top
        CANARY
\name\()_stack:
        .fill \size, 1, 0
\name\()_stack_top:
        CANARY
.endm

/* Defines gatecrash_abi (abi::Descriptor). */
.macro ABI
        .globl gatecrash_abi
        .balign 8
        .type gatecrash_abi, @object
        .size gatecrash_abi, 96
gatecrash_abi:
        .quad GATECRASH_ABI_MAGIC
        .quad GATECRASH_ABI_VERSION
        .irp field, gdt, gdt_limit, idt, idt_limit, tss, tss_limit, task_stack_top, log_ring, stacks
        ADDRESS \field
        .endr
        .quad (stacks_end - stacks) / 32
.endm

#endif
