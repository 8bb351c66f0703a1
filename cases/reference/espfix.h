/* The return to a stack segment of an LDT, which may be a 16-bit one. IRET then restores only 16 bits of RSP, and would
 * leak bits 16 to 31 of the kernel's RSP (I13). A defect's file replaces a step by defining its name (README.md). */
#ifndef GATECRASH_REFERENCE_ESPFIX_H
#define GATECRASH_REFERENCE_ESPFIX_H

#include "calling.h"

/* Reserves a page, and a read-only view of it at an address with bits 16 to 31 of the user's stack (guest.lds.S). */
#ifndef RESERVE_ESPFIX_STACK
.macro RESERVE_ESPFIX_STACK
        .section .stack.espfix, "aw", @nobits
espfix_stack:
        .fill GATECRASH_PAGE
        .section .espfix.view, "a", @nobits
        .fill GATECRASH_PAGE
.endm
#endif

/* Jumps to return_to_ldt_stack if the frame's SS is in the LDT. RSP is at the saved RDI, on the way back to CPL 3. */
#ifndef GO_TO_LDT_STACK
.macro GO_TO_LDT_STACK
        testb $SELECTOR_TI, FROM_RDI(SS)(%rsp)
        jnz return_to_ldt_stack
.Lreturn_by_iret:
.endm
#endif

/* Continues with RAX pushed if the frame's SS is a 16-bit segment. Else it goes back to the normal IRET, also for an
 * invalid selector. */
.macro GO_BACK_UNLESS_16_BITS
        pushq %rax
        movl FROM_RDI(SS) + 8(%rsp), %eax
        lar %eax, %eax
        jnz .Lnot_16_bits\@
        testl $DESCRIPTOR_B, %eax
        jz return_by_espfix
.Lnot_16_bits\@:
        popq %rax
        jmp .Lreturn_by_iret
.endm

/* Loads RDI with an RSP that has bits 16 to 31 of the user's RSP, and points to the view of the espfix stack. */
.macro FIND_ESPFIX_VIEW
        movl FROM_RDI(RSP) + 8(%rsp), %edi
        andl $0xffff0000, %edi
        movabsq $espfix_base, %rax
        orq %rax, %rdi
.endm

/* Copies RAX, RDI and the IRET frame to the espfix stack, but not the error code between them. */
.macro COPY_TO_ESPFIX_STACK
        word = 0
        .rept 2                         // RAX, RDI
        movq word(%rsp), %rax
        movq %rax, espfix_stack + word
        word = word + 8
        .endr
        .rept 4                         // RIP, CS, RFLAGS, RSP
        movq word + 8(%rsp), %rax
        movq %rax, espfix_stack + word
        word = word + 8
        .endr
        movq word + 8(%rsp), %rax       // SS
PLACE espfix_copied
        movq %rax, espfix_stack + word
.endm

/* Returns by an IRET on the view. The view is read-only, so a fault of this IRET becomes a double fault, which has its
 * own stack. */
#ifndef RETURN_TO_LDT_STACK
.macro RETURN_TO_LDT_STACK
ENTRY return_to_ldt_stack
        GO_BACK_UNLESS_16_BITS
PLACE return_by_espfix
        FIND_ESPFIX_VIEW
PLACE espfix_copy
        COPY_TO_ESPFIX_STACK
        movq %rdi, %rsp
        TO_USER_CR3 %rdi
        swapgs
        popq %rax
        popq %rdi
PLACE return_iret_espfix
        iretq
.endm
#endif

/* Turns a double fault of the espfix IRET into the user's #GP, with RSP at the frame. The user asked for an impossible
 * return. The double fault does not keep the vector and error code of the first fault, so #GP stands for it. */
#ifndef FIX_FAULT_OF_ESPFIX
.macro FIX_FAULT_OF_ESPFIX
        movl $GATECRASH_VECTOR_GP, %esi
        IF_FAULT_IS_AT return_iret_espfix, fault_of_return
.endm
#endif

#endif
