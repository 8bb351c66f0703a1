// SYSCALL from CPL 3, a window each: as it comes, with a frame that syscall_work edits as a debugger would, and with the
// flags that FMASK is to clear. In each of them every register is to be at END what it is at BEGIN.
#include "entry.h"

        .section .user, "ax"

// What SYSCALL leaves in RCX and R11 is there already.
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
        // A debugger has the user's code step, over a SYSCALL: the kernel does not step, and behind it the user does.
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_steps
user_steps:
        SET_FLAG RFLAGS_TF
        syscall
        nop
        CLEAR_FLAG RFLAGS_TF
        outb %al, $GATECRASH_PORT_END

        // And over code whose registers become those of a SYSCALL: RCX is RIP, and R11 RFLAGS, where a trap comes.
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
        // User code that an interrupt finds with registers like those of a SYSCALL: RCX is RIP on the second instruction.
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

        // syscall_work takes RCX from RDX, and R11 from R10.
        FILL_AS_SYSCALL user_rcx
        movq %rdx, %rcx
        WINDOW user_rcx
        FILL_AS_SYSCALL user_r11
        movq %r10, %r11
        WINDOW user_r11

        // It sets RF in both RFLAGS and R11: a debugger's way past its own breakpoint.
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
