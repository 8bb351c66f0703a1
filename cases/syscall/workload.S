// Executes SYSCALLs from CPL 3, each in its own window. One is plain, some have a frame that syscall_work edits like a
// debugger, and some have flags that FMASK must clear. In each window every register must have the same value at END as
// at BEGIN.
#include "entry.h"

        .section .user, "ax"

// Fills the registers. RCX and R11 already hold the values that SYSCALL leaves there.
.macro FILL_AS_SYSCALL name
        FILL_REGISTERS
        leaq \name\()_back(%rip), %rcx
        pushfq
        popq %r11
.endm

.macro WINDOW name begin=GATECRASH_PORT_BEGIN_ROUND_TRIP
        outb %al, $\begin
        .globl \name, \name\()_back
\name:
        syscall
\name\()_back:
        outb %al, $GATECRASH_PORT_END
.endm

.macro SET_FLAG flag:vararg
        pushfq
        orq $(\flag), (%rsp)
        popfq
.endm
.macro CLEAR_FLAG flag:vararg
        pushfq
        andq $~(\flag), (%rsp)
        popfq
.endm
.macro WINDOW_WITH_FLAG name:req flag:vararg
        SET_FLAG \flag
        FILL_AS_SYSCALL \name
        WINDOW \name
        CLEAR_FLAG \flag
.endm

.macro FAR_TO cs
        pushq $\cs
        leaq 1f(%rip), %rax
        pushq %rax
        lretq
1:
.endm

#ifdef TRAP_FLAG
        .section .rodata
        .globl sets_trap_flag
sets_trap_flag:
        .byte 1
        .previous
#endif

        .globl user_start
        .type user_start, @function
user_start:
#ifdef TRAP_FLAG
        // A debugger steps user code over a SYSCALL. The kernel must not be stepped, and user code must be after the
        // return.
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_steps
user_steps:
        SET_FLAG RFLAGS_TF
        syscall
        nop
        CLEAR_FLAG RFLAGS_TF
        outb %al, $GATECRASH_PORT_END

        // The debugger also steps code whose registers become those of a SYSCALL: at one trap, RCX equals RIP and R11
        // equals RFLAGS.
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_stuck
user_stuck:
        SET_FLAG RFLAGS_TF
        leaq 1f(%rip), %rcx
        pushfq
        popq %r11
1:      nop
        CLEAR_FLAG RFLAGS_TF
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2
#endif
#ifdef SYSRET_FROM_EXCEPTIONS
        // An interrupt may find this user code with registers like those of a SYSCALL: RCX equals RIP on the second
        // instruction.
        FILL_AS_SYSCALL user_code
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_code, user_code_back
user_code:
        nop
user_code_back:
        nop
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2
#endif
        FILL_AS_SYSCALL user_plain
        WINDOW user_plain

        // syscall_work sets the frame's RCX from RDX, and its R11 from R10.
        FILL_AS_SYSCALL user_rcx
        movq %rdx, %rcx
        WINDOW user_rcx
        FILL_AS_SYSCALL user_r11
        movq %r10, %r11
        WINDOW user_r11

        // syscall_work sets RF in the frame's RFLAGS and R11, as a debugger does to step past its own breakpoint.
        FILL_AS_SYSCALL user_rf
        WINDOW user_rf, GATECRASH_PORT_BEGIN

        FAR_TO GATECRASH_LDT_CODE
        FILL_AS_SYSCALL user_cs
        WINDOW user_cs
        FAR_TO GATECRASH_USER_CS

        movl $GATECRASH_LDT_DATA, %eax
        movl %eax, %ss
        FILL_AS_SYSCALL user_ss
        WINDOW user_ss
        movl $GATECRASH_USER_SS, %eax
        movl %eax, %ss

        WINDOW_WITH_FLAG user_nt_df, RFLAGS_NT | RFLAGS_DF
        WINDOW_WITH_FLAG user_ac, RFLAGS_AC

        outb %al, $GATECRASH_PORT_DONE
        ud2
