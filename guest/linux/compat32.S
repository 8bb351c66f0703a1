# Windows of 32-bit code. The program and its stack are below 4 GiB, so the code only changes CS. It has no data
# segment: in 64-bit code DS may be null.
#include "gatecrash/workload.h"
#include "init.h"

#define getpid 20

# Uses no LRET: at CPL 3, that of QEMU 7.2 reads the stack with the kernel's rights, so SMAP makes it fault.
        .macro  ENTER_32_BITS
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        ljmpl   *1f(%rip)
1:      .long   2f
        .word   USER32_CS
2:      .code32
        .endm

# The upper halves of registers are undefined after 32-bit code (SDM volume 1, 3.4.1.1).
        .macro  LEAVE_32_BITS
        ljmp    $USER_CS, $1f
1:      .code64
        movl    %esp, %esp
        movl    %eax, %eax
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        .endm

        .globl  int80_of_32_bit_code, vsyscall_of_32_bit_code

int80_of_32_bit_code:
        ENTER_32_BITS
        movl    $getpid, %eax
        outb    %al, $GATECRASH_DOORBELL_BEGIN
        int     $0x80
        outb    %al, $GATECRASH_DOORBELL_END
        LEAVE_32_BITS
        ret

# EDI: __kernel_vsyscall(). The kernel does not return to the instruction after SYSENTER or SYSCALL, but to a fixed
# place in that function. Its instructions are in the window, too.
vsyscall_of_32_bit_code:
        ENTER_32_BITS
        movl    $getpid, %eax
        outb    %al, $GATECRASH_DOORBELL_BEGIN
        call    *%edi
        outb    %al, $GATECRASH_DOORBELL_END
        LEAVE_32_BITS
        ret
