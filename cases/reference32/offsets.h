/* Names and addresses that the steps use. Nothing here is a step, so a defect's or a design's file may include this
 * before it defines its steps. The offsets come from gatecrash/abi.h, which checks them. */
#ifndef GATECRASH_REFERENCE32_OFFSETS_H
#define GATECRASH_REFERENCE32_OFFSETS_H

#include "entry32.h"

/* Offsets of a word of the frame. FROM_EIP and FROM_VECTOR count from ESP, if ESP is at the IRET frame or at the
 * vector. FROM_END counts from the end of a stack, for a frame that is there. */
#define FROM_EIP(word) (GATECRASH_FRAME32_##word - GATECRASH_FRAME32_EIP)
#define FROM_VECTOR(word) (GATECRASH_FRAME32_##word - GATECRASH_FRAME32_VECTOR)
#define FROM_END(word) (GATECRASH_FRAME32_##word - GATECRASH_FRAME32_SIZE)

#define USER_FRAME_SIZE GATECRASH_FRAME32_SIZE
#define VM86_FRAME_SIZE (GATECRASH_FRAME32_SIZE + 16) /* with ES, DS, FS and GS of VM86 code */

/* Per-CPU data, relative to %fs. */
#define TASK_STACK_TOP %fs:0
#define ESPFIX_BASE %fs:4

/* Marks in the upper half of a frame's CS. */
#define FROM_ENTRY_STACK 0x80000000
#define FROM_USER_CR3 0x40000000
#define FROM_ESPFIX 0x20000000

#define SELECTOR_TI 4       /* set in selectors of the LDT */
#define USER_END 0x80000000 /* the end of user addresses */

#ifdef __ASSEMBLER__

.macro ENTRY name:req
        .globl \name
        .type \name, @function
\name:
.endm

#endif
#endif
