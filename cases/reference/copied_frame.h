/* Support for nested NMIs. The CPU starts at the top of the NMI stack each time. So the first NMI copies its frame out
 * of the CPU's reach, twice, and a nested NMI makes the first one repeat. Entry code may use each macro only once.
 *
 * The NMI stack, from its top, with offsets from RSP at the time when `outermost` is the lowest item:
 *
 *        96  SS RSP RFLAGS CS RIP     pushed by the CPU for the newest NMI
 *        88  RDX                      scratch; the words below may belong to an outer NMI
 *        80  executing                1 from the copy until the handler ends
 *        40  SS RSP RFLAGS CS RIP     `iret`: the frame of the final IRET; a nested NMI writes nmi_repeat here
 *         0  SS RSP RFLAGS CS RIP     `outermost`: the frame of the first NMI, never changed
 *            error code, registers
 */
#ifndef GATECRASH_REFERENCE_COPIED_FRAME_H
#define GATECRASH_REFERENCE_COPIED_FRAME_H

#include "gatecrash/abi.h"

#define IRET_FRAME (GATECRASH_FRAME_SIZE - GATECRASH_FRAME_RIP)
#define EXECUTING (2 * IRET_FRAME)

/* Copies the frame of the first NMI; a repetition starts at nmi_repeat. Expects RSP at the scratch word, from which it
 * restores RDX, and leaves RSP at `outermost`. */
.macro COPY_NMI_FRAME
        movq (%rsp), %rdx
        pushq $0                        // executing
        subq $IRET_FRAME, %rsp          // iret
        .rept 5
        pushq 88(%rsp)                  // outermost: SS, RSP, RFLAGS, CS, RIP
        .endr
        .globl nmi_repeat
nmi_repeat:
        movq $1, EXECUTING(%rsp)
        word = 0
        .rept 5
        pushq word(%rsp)
        popq IRET_FRAME + word(%rsp)
        word = word + 8
        .endr
        .globl nmi_repeat_end
nmi_repeat_end:
.endm

/* Lets a nested NMI make the outer NMI's IRET go to nmi_repeat, with RSP at `outermost`, NMIs unmasked and interrupts
 * off. Expects RSP at the scratch word. Clobbers RDX. */
.macro HAVE_OUTER_NMI_REPEAT
        leaq -88(%rsp), %rdx
        movq $nmi_repeat, -48(%rsp)
        movq $GATECRASH_KERNEL_CS, -40(%rsp)
        movq $2, -32(%rsp)
        movq %rdx, -24(%rsp)
        movq $GATECRASH_KERNEL_SS, -16(%rsp)
.endm

#endif
