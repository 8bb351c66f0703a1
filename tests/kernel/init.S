# The init program of a kernel that is booted by a test. See gatecrash/workload.h.
#include "gatecrash/workload.h"

        .globl _start
_start:
        movl    $172, %eax      # iopl(3)
        movl    $3, %edi
        syscall
        outb    %al, $GATECRASH_DOORBELL_OPEN
        movl    $172, %eax      # iopl(0)
        xorl    %edi, %edi
        syscall
next:
        movl    $workloads, %ebx
        movl    $2, %ecx
        outb    %al, $GATECRASH_DOORBELL_NEXT
        movq    %rsp, %rbp
        testl   %eax, %eax
        jz      window
        movabsq $0xfffffe000000d000, %rsp       # in the NMI stack of CPU 0
window:
        movl    $39, %eax       # getpid
        outb    %al, $GATECRASH_DOORBELL_BEGIN
        syscall
        outb    %al, $GATECRASH_DOORBELL_END
        movq    %rbp, %rsp
        movl    $39, %eax
        syscall
        outb    %al, $GATECRASH_DOORBELL_ALIVE
        jmp     next

        .section .rodata
        .balign 8
workloads:
        .quad   getpid, getpid_what, 0
        .quad   stack, stack_what, 0
getpid: .asciz  "getpid"
getpid_what:
        .asciz  "the system call getpid()"
stack:  .asciz  "high-stack"
stack_what:
        .asciz  "getpid() with a stack pointer into the kernel's NMI stack"
