/* Shadow stacks for 64-bit guests (SDM volume 1, chapter 17). A guest that wants them expands DEFINE_SHADOW_STACKS once,
 * and ENABLE_SHADOW_STACKS in its boot_to_user. It needs the behaviours of shadow stacks.
 *
 * A supervisor shadow stack, from high to low addresses:
 *
 *      token                     its own address, with bit 0 set while the shadow stack is in use
 *      CS, LIP, SSP              of code at CPL 0 that an event interrupted
 *      return addresses          of CALLs
 */
#ifndef GATECRASH_GUEST_SHADOW_STACKS_H
#define GATECRASH_GUEST_SHADOW_STACKS_H

#include "entry.h"

#define MSR_U_CET 0x6a0
#define MSR_S_CET 0x6a2
#define MSR_PL0_SSP 0x6a4
#define MSR_PL3_SSP 0x6a7
#define MSR_INTERRUPT_SSP_TABLE 0x6a8
#define CET_SH_STK_EN 1
#define CET_WR_SHSTK_EN 2
#define CR4_CET 0x800000

#ifdef __ASSEMBLER__

/* Defines the shadow stack `name`, with a token that is not busy at `name`_shadow_token. */
.macro SHADOW_STACK name
        .fill 0x100 - 8, 1, 0
        .globl \name\()_shadow_token
\name\()_shadow_token:
        .quad \name\()_shadow_token
.endm

/* Defines a shadow stack for each stack of the kernel, one for user code, and the interrupt SSP table. The table names
 * the shadow stack of `mc` for #MC. */
.macro DEFINE_SHADOW_STACKS mc=mc_shadow_token
        .pushsection .shadow_stacks, "a"
        .irp name, task, nmi, db, df, mc
        SHADOW_STACK \name
        .endr
        .popsection
        .pushsection .user_shadow_stack, "a"
        .fill GATECRASH_STACK_SIZE, 1, 0
user_shadow_stack_end:
        .popsection
        .pushsection .entry.data, "aw"
        .balign 8
interrupt_ssp_table:
        .quad 0, nmi_shadow_token, db_shadow_token, df_shadow_token, \mc, 0, 0, 0
        .popsection
.endm

/* Turns shadow stacks on for CPL 0 and CPL 3, with WRSS for CPL 0, and takes the task's. Clobbers RAX, RCX, RDX. */
.macro ENABLE_SHADOW_STACKS
        WRITE_MSR MSR_PL0_SSP, task_shadow_token, 0xffffffff
        WRITE_MSR MSR_PL3_SSP, user_shadow_stack_end, 0
        WRITE_MSR MSR_INTERRUPT_SSP_TABLE, interrupt_ssp_table, 0xffffffff
        WRITE_MSR MSR_U_CET, CET_SH_STK_EN, 0
        WRITE_MSR MSR_S_CET, (CET_SH_STK_EN | CET_WR_SHSTK_EN), 0
        movq %cr4, %rax
        orq $CR4_CET, %rax
        movq %rax, %cr4
        setssbsy
.endm

/* Makes the IRET from this handler go to `target`, in its frame and on its shadow stack. The IRET compares the two. SSP
 * must be what it was when the handler began. RSP is at the frame of guest/entry.h. Clobbers RAX, RCX. */
.macro SET_RETURN_ADDRESS target:req
        movq $\target, %rcx
        movq %rcx, GATECRASH_FRAME_RIP(%rsp)
        rdsspq %rax
        wrssq %rcx, 8(%rax)
.endm

#endif
#endif
