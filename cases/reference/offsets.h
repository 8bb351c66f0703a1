/* Names and addresses that the steps use. Nothing here is a step, so a defect's or a design's file
 * may include this before it names its own. Offsets come from gatecrash/abi.h, which checks them. */
#ifndef GATECRASH_REFERENCE_OFFSETS_H
#define GATECRASH_REFERENCE_OFFSETS_H

#include "entry.h"

/* Where a word of the frame is, if RSP is at its saved RDI, at its error code, or at its IRET frame. */
#define FROM_RDI(word) (GATECRASH_FRAME_##word - GATECRASH_FRAME_RDI)
#define FROM_ERROR(word) (GATECRASH_FRAME_##word - GATECRASH_FRAME_ERROR)
#define FROM_RIP(word) (GATECRASH_FRAME_##word - GATECRASH_FRAME_RIP)

/* Per-CPU data of the entry area, by kernel GS base (guest/tables.S). */
#define TASK_STACK_TOP %gs:0
#define USER_RSP %gs:8

#define SELECTOR_TI 4
#define DESCRIPTOR_B 0x400000 /* as LAR has it */

#ifdef __ASSEMBLER__

/* A place that a schedule may name. */
.macro PLACE name:req
        .globl \name
\name:
.endm

/* One that the CPU, or other entry code, enters. */
.macro ENTRY name:req
        .type \name, @function
        PLACE \name
.endm

/* The five words of an IRET frame at `from` onto the stack. */
.macro PUSH_IRET_FRAME from:req
        pushq FROM_RIP(SS) + \from
        pushq FROM_RIP(RSP) + \from
        pushq FROM_RIP(RFLAGS) + \from
        pushq FROM_RIP(CS) + \from
        pushq \from
.endm

#endif
#endif
