// Does the work of a timer interrupt that turns interrupts on before its IRET, as EDK2's does when it restores the task
// priority level. The next tick then arrives inside it, and one more inside that. Each tick takes a frame and a body's
// share of one stack.
//
// The design that bounds this lets one tick nest. The nested tick sees that an outer one is at this place, leaves the
// remaining work to it, and returns to it with interrupts off. The outer one then repeats the work of this place.
//
// Switches:
//   WITHOUT_DEFERRING    each tick turns interrupts on, whatever it interrupted
//   LATE_EOI             the handler signals EOI to the APIC after it has turned interrupts on, not before
//   NESTING_LIMIT        the number of bodies that may run at once (2)
#include "entry.h"

#ifndef NESTING_LIMIT
#define NESTING_LIMIT 2
#endif

        .section .data, "aw"
        .balign 8
        .globl interrupts_in_service
interrupts_in_service:
        .fill GATECRASH_VECTORS / 8
enabling:
        .byte 0
deferred:
        .byte 0

        .section .rodata
        .balign 8
        .globl nesting_limits
nesting_limits:
        .quad GATECRASH_USER_IRQ, NESTING_LIMIT
        .quad 0, 0

        .macro EOI
        andb $~(1 << (GATECRASH_USER_IRQ % 8)), interrupts_in_service + GATECRASH_USER_IRQ / 8
        .endm

// RDI points to the frame. Interrupts are off.
        .text
        .globl irq_work
        .type irq_work, @function
irq_work:
#ifndef LATE_EOI
        EOI
#endif
#ifndef WITHOUT_DEFERRING
        cmpb $0, enabling
        jne nested_tick
#endif
        .globl enable_interrupts
enable_interrupts:
        movb $1, enabling
        movb $0, deferred
        sti
        nop
        .globl interrupts_on
interrupts_on:
        nop
        cli
        .globl interrupts_off
interrupts_off:
        movb $0, enabling
#ifndef WITHOUT_DEFERRING
        cmpb $0, deferred
        jne enable_interrupts
#endif
#ifdef LATE_EOI
        EOI
#endif
        ret

#ifndef WITHOUT_DEFERRING
nested_tick:
        movb $1, deferred
        andl $~RFLAGS_IF, GATECRASH_FRAME_RFLAGS(%rdi)
        ret
#endif
