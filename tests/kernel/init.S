# The init program of a kernel that is booted by a test: rings a doorbell, over and over. iopl(3) lets it use I/O ports.
        .globl _start
_start:
        movl    $172, %eax      # iopl
        movl    $3, %edi
        syscall
ring:
        movl    %eax, %ebx
        movb    $1, %al
        outb    %al, $0xd0
        movl    $39, %eax       # getpid
        syscall
        jmp     ring
