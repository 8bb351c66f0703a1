/* NMIs that nest: the CPU starts at the top of the NMI stack each time, so the first NMI copies its frame out of the
 * CPU's reach, twice, and one that nests has it repeat. For entry code that has these macros once.
 *
 * The NMI stack, from its top (offsets from RSP while `outermost` is the lowest thing on it):
 *
 *        96  SS RSP RFLAGS CS RIP     pushed by the CPU for the newest NMI
 *        88  RDX                      scratch; nothing below may be touched before it is known that no NMI is handled
 *        80  executing                1 from the copy until the handler is done
 *        40  SS RSP RFLAGS CS RIP     `iret`: what the final IRET uses; a nested NMI writes nmi_repeat here
 *         0  SS RSP RFLAGS CS RIP     `outermost`: how the first NMI arrived, never changed
 *            error code, registers
 */
#ifndef GATECRASH_REFERENCE_COPIED_FRAME_H
#define GATECRASH_REFERENCE_COPIED_FRAME_H

#include "gatecrash/abi.h"

#define IRET_FRAME (GATECRASH_FRAME_SIZE - GATECRASH_FRAME_RIP)
#define EXECUTING (2 * IRET_FRAME)

/* Of the first NMI, and of its repetitions. RSP is at the scratch word, which gives RDX back, and then at `outermost`. */
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

/* Of a nested one: makes the outer NMI's IRET go to nmi_repeat, with RSP at `outermost`, NMIs unmasked and interrupts
 * off. RSP is at the scratch word. Clobbers RDX. */
.macro HAVE_OUTER_NMI_REPEAT
        leaq -88(%rsp), %rdx
        movq $nmi_repeat, -48(%rsp)
        movq $GATECRASH_KERNEL_CS, -40(%rsp)
        movq $2, -32(%rsp)
        movq %rdx, -24(%rsp)
        movq $GATECRASH_KERNEL_SS, -16(%rsp)
.endm

#endif
