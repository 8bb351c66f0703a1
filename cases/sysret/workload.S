// Makes the kernel return to 0x800000000000, the first address that is not canonical, in two windows:
//
//   user_sigreturn    a system call that sets RIP, as sigreturn and ptrace do
//   user_last_page    a SYSCALL in the last two bytes of the lower half, whose return address is not canonical
//
// Nothing is mapped there, so in both windows the task gets a signal, which it handles at user_signal.
//
// Switch:
//   LAST_PAGE_ONLY    only the second window
#include "entry.h"

#define SIGRETURN 1
#define GETPID 2
#define NOT_CANONICAL 0x800000000000

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
#ifndef LAST_PAGE_ONLY
        FILL_REGISTERS
        movl $SIGRETURN, %eax
        leaq 1f(%rip), %rdx             // where the signal handler continues
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_sigreturn
user_sigreturn:
        syscall
1:
#endif
        FILL_REGISTERS
        movl $GETPID, %eax
        leaq 1f(%rip), %rdx
        movabsq $user_last_page, %rbx
        outb %al, $GATECRASH_PORT_BEGIN
        .globl user_to_last_page
user_to_last_page:
        jmp *%rbx
1:      outb %al, $GATECRASH_PORT_DONE
        ud2

        .globl user_signal
user_signal:
        outb %al, $GATECRASH_PORT_END
        jmp *%rdx

        .section .user_top, "ax"
        .fill GATECRASH_PAGE - 2, 1, 0xcc
        .globl user_last_page
user_last_page:
        syscall

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        cmpq $SIGRETURN, GATECRASH_FRAME_RAX(%rdi)
        jne 1f
        movabsq $NOT_CANONICAL, %rax
        movq %rax, GATECRASH_FRAME_RIP(%rdi)
1:      ret
