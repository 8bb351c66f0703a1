// Defines the GDT, LDT, TSS, stacks, and the descriptor that tells the harness where they are. guest32.lds.S lays out
// the IDT and splits the addresses in the GDT, since only a linker can split an address.
#include "entry32.h"
#include "tables.h"

        .section .tables.gdt, "a"
        .weak gdt
gdt:
        GDT32

        .section .tables, "a"
        .globl ldt, ldt_limit
        .balign 16
ldt:
        .quad 0x00cffb000000ffff        // 0x07 code, 32-bit, DPL 3
        .quad 0x00cff3000000ffff        // 0x0f data, DPL 3
        .quad 0x008ff3000000ffff        // 0x17 data, 16-bit, DPL 3
        .quad 0x00cf7b000000ffff        // 0x1f code, not present
        .quad 0x00cf73000000ffff        // 0x27 data, not present
        ldt_limit = . - ldt - 1

        .weak tss
        .globl tss_limit
        .balign 16
tss:
        TSS32

        .balign 8
stacks:
        STACK_ENTRY task
        STACK_ENTRY entry
        STACK_ENTRY df
        STACK_ENTRY sysenter
        STACK_ENTRY user
stacks_end:

        ABI

        STACK task
        STACK entry
        STACK df
        STACK sysenter 256              // just enough for an event before SYSENTER's entry leaves it
        STACK user

        .section .entry.data, "aw"
        // Per-CPU data of the entry area: the segment in the kernel's FS. With one CPU, the data also has a symbol.
        .globl per_cpu
        .balign 64
per_cpu:
        .long task_stack_top            // %fs:0: top of the task stack
        .fill 15, 4, 0                  // %fs:4 onward: free for entry code
