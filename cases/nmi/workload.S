// The workload of the nmi case: a page fault, whose address an NMI must not change, and a system call, with RSP and RDI
// that are to mislead an NMI's entry.
#include "addresses.h"
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        movl $1, %edi                   // as the word says that an NMI is executing
        leaq nmi_stack + 0x400, %rsp    // any number is good for a user who does not use it
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_fault
user_fault:
        movq REFERENCE_ABSENT, %rax
        .globl user_fault_landing
user_fault_landing:
        syscall
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2

// What an NMI's body does: it reads what is not there, and is prepared for that. The page fault's IRET ends the masking of
// NMIs, and CR2 is another.
        .text
        .globl nmi_work
        .type nmi_work, @function
nmi_work:
        movq NMI_ABSENT, %rax
        .globl nmi_went_without
nmi_went_without:
        ret
