// Executes SYSCALLs from CPL 3, each in its own window. For those of BAD_RETURN, syscall_work builds a frame to which
// no IRET can return. That fault is the user's, and user code continues at user_fault_landing with all registers
// unchanged.
#include "entry.h"

        .section .user, "ax"

// Fills the registers. RCX and R11 already hold the values that SYSCALL leaves there. R15 points to the code after the
// window.
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

// Opens a window with a SYSCALL that returns. The kernel may change registers on purpose, so the reference is the run
// without events.
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
        // A SYSCALL returns to 32-bit code with a 16-bit stack segment. That code passes the ESP that it finds to the
        // kernel.
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
// Reads the word at RDI. If that faults, exception_work continues after the read.
        .globl probe, probe_over
        .type probe, @function
probe:
        movq (%rdi), %rax
probe_over:
        ret

// Pushes beyond the lower end of the task stack, which is a double fault. double_fault_work continues at overflow_over.
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
