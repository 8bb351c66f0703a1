// SYSCALL from CPL 3, a window each. In the first of them syscall_work makes a frame to which no IRET can return; the
// fault is the user's, and goes on at user_fault_landing with all registers as they were.
#include "entry.h"

        .section .user, "ax"

// What SYSCALL leaves in RCX and R11 is there already. R15 leads out of the window.
.macro FILL_AS_SYSCALL name
        FILL_REGISTERS
        leaq \name\()_over(%rip), %r15
        leaq \name\()_back(%rip), %rcx
        pushfq
        popq %r11
.endm

.macro BAD_RETURN name
        FILL_AS_SYSCALL \name
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl \name, \name\()_back
\name:
        syscall
\name\()_back:
        ud2
\name\()_over:
.endm

// A SYSCALL that returns; what it changes on purpose it changes without events, too.
.macro WINDOW name
        FILL_AS_SYSCALL \name
        outb %al, $GATECRASH_PORT_BEGIN
        .globl \name, \name\()_back
\name:
        syscall
\name\()_back:
        outb %al, $GATECRASH_PORT_END
\name\()_over:
.endm

        .globl user_start
        .type user_start, @function
user_start:
#ifdef ONLY_OVERFLOW
        WINDOW user_overflow
        outb %al, $GATECRASH_PORT_DONE
        ud2
#endif
        // SYSCALL returns to 32-bit code with a 16-bit stack segment; what that sees in ESP it shows to the kernel.
        FILL_AS_SYSCALL user_ss16
        movq %rsp, %r14
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_ss16, user_ss16_back, user_ss16_shown
user_ss16:
        syscall
        .code32
user_ss16_back:
        movl %esp, %esi
        ljmp $GATECRASH_USER_CS, $user_ss16_over
        .code64
user_ss16_over:
        movl $GATECRASH_USER_SS, %eax
        movl %eax, %ss
        movq %r14, %rsp
        syscall
user_ss16_shown:
        outb %al, $GATECRASH_PORT_END
#ifdef ONLY_ESPFIX
        outb %al, $GATECRASH_PORT_DONE
        ud2
#endif

        BAD_RETURN user_cs_absent
        BAD_RETURN user_cs_null
        BAD_RETURN user_cs_kernel
        BAD_RETURN user_ss_absent
        BAD_RETURN user_ss_null
        BAD_RETURN user_ss_kernel
        BAD_RETURN user_rip
        BAD_RETURN user_cs_absent_ss16
        WINDOW user_gs
        WINDOW user_gs_absent
#ifndef ONLY_OVERFLOW
        WINDOW user_overflow
#endif
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .globl user_fault_landing
user_fault_landing:
        outb %al, $GATECRASH_PORT_END
        jmp *%r15

        .text
// Reads what RDI points to; if that faults, exception_work has it go on behind that.
        .globl probe, probe_over
        .type probe, @function
probe:
        movq (%rdi), %rax
probe_over:
        ret

// Pushes over the lower end of the task stack. double_fault_work has it go on at overflow_over.
        .globl overflow_stack, overflow_over
        .type overflow_stack, @function
overflow_stack:
        movq %rsp, rsp_before_overflow
        movq $task_stack - GATECRASH_CANARY_SIZE, %rsp
        pushq %rax
overflow_over:
        movq rsp_before_overflow, %rsp
        ret

        .data
        .balign 8
rsp_before_overflow:
        .quad 0
