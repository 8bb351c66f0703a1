// The workload of the nmi case. It takes a page fault, whose address no NMI may change, and executes a system call. Its
// RSP and RDI could mislead the entry of an NMI.
#include "addresses.h"
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        movl $1, %edi                   // looks like the mark that an NMI is executing
        leaq nmi_stack + 0x400, %rsp    // RSP may have any value, since this code does not use it
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

// Does the work of an NMI's body: it reads an absent page, and tolerates the page fault. The IRET of that fault unmasks
// NMIs, and CR2 has a new value.
        .text
        .globl nmi_work
        .type nmi_work, @function
nmi_work:
        movq NMI_ABSENT, %rax
        .globl nmi_went_without
nmi_went_without:
        ret
