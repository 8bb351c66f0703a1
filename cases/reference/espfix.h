/* The return to a stack segment of an LDT, which may be a 16-bit one: IRET then restores 16 bits of RSP, and leaves bits
 * 16 to 31 as the kernel has them (I13). A defect's file that defines a step's name replaces it (README.md). */
#ifndef GATECRASH_REFERENCE_ESPFIX_H
#define GATECRASH_REFERENCE_ESPFIX_H

#include "calling.h"

/* A page, and a view of it that cannot be written, for the bits that the user's stack has (guest.lds.S). */
#ifndef RESERVE_ESPFIX_STACK
.macro RESERVE_ESPFIX_STACK
        .section .stack.espfix, "aw", @nobits
espfix_stack:
        .fill GATECRASH_PAGE
        .section .espfix.view, "a", @nobits
        .fill GATECRASH_PAGE
.endm
#endif

/* On the way back to CPL 3, with RSP at the saved RDI. */
#ifndef GO_TO_LDT_STACK
.macro GO_TO_LDT_STACK
        testb $SELECTOR_TI, FROM_RDI(SS)(%rsp)
        jnz return_to_ldt_stack
.Lreturn_by_iret:
.endm
#endif

/* Pushes RAX. A segment of 32 bits, or one that is none, goes on by the other IRET. */
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

/* RDI becomes the RSP that has the user's bits 16 to 31, and leads to the view of the espfix stack. */
.macro FIND_ESPFIX_VIEW
        movl FROM_RDI(RSP) + 8(%rsp), %edi
        andl $0xffff0000, %edi
        movabsq $espfix_base, %rax
        orq %rax, %rdi
.endm

/* RAX and RDI, and the IRET frame. The error code between them is not copied. */
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

/* The view cannot be written, so a fault of this IRET becomes a double fault, which has a stack of its own. */
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

/* In a double fault, with RSP at the frame. The user asked for what cannot be returned to; nothing is left of the first
 * fault's vector and error code, so it is #GP. */
#ifndef FIX_FAULT_OF_ESPFIX
.macro FIX_FAULT_OF_ESPFIX
        movl $GATECRASH_VECTOR_GP, %esi
        IF_FAULT_IS_AT return_iret_espfix, fault_of_return
.endm
#endif

#endif
