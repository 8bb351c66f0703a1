// GDT, LDT, TSS, stacks and the descriptor that tells the harness where they are. The IDT is laid out by guest32.lds.S, which
// also has the parts of the addresses in the GDT, since only a linker can split an address.
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
        STACK sysenter 256              // room for an event that comes before SYSENTER's entry has left it, and no more
        STACK user

        .section .entry.data, "aw"
        // Per-CPU data of the entry area, the segment of the kernel's FS. There is one CPU, so it also has an address.
        .globl per_cpu
        .balign 64
per_cpu:
        .long task_stack_top            // %fs:0
        .fill 15, 4, 0                  // from %fs:4 on: free for entry code
