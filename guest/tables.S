// Defines the GDT, TSS, stacks, and the descriptor that tells the harness where they are. guest.lds.S lays out the IDT,
// since only a linker can split an address into a gate's three parts.
#include "entry.h"
#include "tables.h"

        .section .tables.gdt, "a"
        .globl gdt
gdt:
        .quad 0, 0
        .quad 0x00af9b000000ffff        // 0x10 kernel code: 64-bit, DPL 0, accessed already, so never written
        .quad 0x00cf93000000ffff        // 0x18 kernel data
        .quad 0x00cffb000000ffff        // 0x20 user code, 32-bit, DPL 3
        .quad 0x00cff3000000ffff        // 0x28 user data, DPL 3
        .quad 0x00affb000000ffff        // 0x30 user code, 64-bit, DPL 3
        .quad 0
        .quad 0x00008b0000000000 | (tss_limit & 0xffff), 0      // 0x40 TSS, busy; the harness loads TR without reading it
        // guest.lds.S adds 0x50, the LDT, and 0x60, the number of the CPU.

        .section .tables, "a"
        .globl ldt
        .balign 16
ldt:
        .quad 0x00affb000000ffff        // 0x07 code, 64-bit, DPL 3
        .quad 0x00cff3000000ffff        // 0x0f data, DPL 3
        .quad 0x008ff3000000ffff        // 0x17 data, 16-bit, DPL 3
        .quad 0x00af7b000000ffff        // 0x1f code, not present
        .quad 0x00cf73000000ffff        // 0x27 data, not present
        .globl ldt_end
ldt_end:

        .weak tss
        .balign 16
tss:
        TSS

        .balign 8
stacks:
        STACK_ENTRY task
        STACK_ENTRY entry
        STACK_ENTRY nmi
        STACK_ENTRY db
        STACK_ENTRY df
        STACK_ENTRY mc
        STACK_ENTRY user
stacks_end:

        ABI

        STACK task
        STACK entry
        STACK nmi
        STACK db
        STACK df
        STACK mc
        STACK user

        .section .entry.data, "aw"
        // Per-CPU data of the entry area: the kernel's GS base points here. With one CPU, the data also has a symbol.
        .globl per_cpu
        .balign 64
per_cpu:
        .quad task_stack_top            // %gs:0: the stack to which SYSCALL switches
        .quad 0                         // %gs:8: the user's RSP during that switch
