# The init program of a kernel that is booted by a test. Its only workload is getpid(). See gatecrash/workload.h.
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
        movl    $1, %ecx
        outb    %al, $GATECRASH_DOORBELL_NEXT
        movl    $39, %eax       # getpid
        outb    %al, $GATECRASH_DOORBELL_BEGIN
        syscall
        outb    %al, $GATECRASH_DOORBELL_END
        movl    $39, %eax
        syscall
        outb    %al, $GATECRASH_DOORBELL_ALIVE
        jmp     next

        .section .rodata
        .balign 8
workloads:
        .quad   name, what, 0
name:   .asciz  "getpid"
what:   .asciz  "the system call getpid()"
