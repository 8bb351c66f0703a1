// The workload of several cases. It makes a system call, a page fault in user code, and a return that faults because
// the frame's code segment is not present. Entries from CPL 0 come from events, and from the body's trace point.
#include "addresses.h"
#include "entry.h"

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_syscall
user_syscall:
        syscall
        outb %al, $GATECRASH_PORT_END

        leaq 1f(%rip), %r15
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_fault
user_fault:
        movq REFERENCE_ABSENT, %rax
1:
        leaq 1f(%rip), %r15
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_bad_return
user_bad_return:
        syscall
        .globl user_bad_return_back
user_bad_return_back:
        ud2
1:      outb %al, $GATECRASH_PORT_DONE
        ud2

// A user's fault continues here, and then goes to the next window.
        .globl user_fault_landing
user_fault_landing:
        outb %al, $GATECRASH_PORT_END
        jmp *%r15
