/* Names and addresses that the steps use. Nothing here is a step, so a defect's or a design's file may include this
 * before it defines its steps. The offsets come from gatecrash/abi.h, which checks them. */
#ifndef GATECRASH_REFERENCE_OFFSETS_H
#define GATECRASH_REFERENCE_OFFSETS_H

#include "entry.h"

/* Offsets of a word of the frame from RSP, if RSP is at the saved RDI, at the error code, or at the IRET frame. */
#define FROM_RDI(word) (GATECRASH_FRAME_##word - GATECRASH_FRAME_RDI)
#define FROM_ERROR(word) (GATECRASH_FRAME_##word - GATECRASH_FRAME_ERROR)
#define FROM_RIP(word) (GATECRASH_FRAME_##word - GATECRASH_FRAME_RIP)

/* Per-CPU data of the entry area, relative to the kernel's GS base (guest/tables.S). */
#define TASK_STACK_TOP %gs:0
#define USER_RSP %gs:8

#define SELECTOR_TI 4
#define DESCRIPTOR_B 0x400000 /* bit B in the result of LAR */

#ifdef __ASSEMBLER__

/* Defines a place that a schedule may name. */
.macro PLACE name:req
        .globl \name
\name:
.endm

/* Defines a place that the CPU or other entry code enters. */
.macro ENTRY name:req
        .type \name, @function
        PLACE \name
.endm

/* Pushes the five words of the IRET frame at `from`. */
.macro PUSH_IRET_FRAME from:req
        pushq FROM_RIP(SS) + \from
        pushq FROM_RIP(RSP) + \from
        pushq FROM_RIP(RFLAGS) + \from
        pushq FROM_RIP(CS) + \from
        pushq \from
.endm

#endif
#endif
