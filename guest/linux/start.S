# The first instruction of the program, and the last one of a signal handler.
#include <asm/unistd_64.h>

        .globl  _start, restore_signal

# The program leaves the stack that the kernel made: 32-bit code needs one below 4 GiB.
_start:
        movq    %rsp, %rdi
        movl    $stack_end, %esp
        call    serve                   # does not return
        ud2

# A signal handler returns to here.
restore_signal:
        movl    $__NR_rt_sigreturn, %eax
        syscall
        ud2

        .bss
        .balign 16
        .skip   16384
stack_end:
