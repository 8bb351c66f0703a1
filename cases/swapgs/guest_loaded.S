// Models a kernel that is about to enter a guest of its own, or has just left one, so that TSC_AUX holds the guest's
// value.
#include "entry.h"

#define MSR_TSC_AUX 0xc0000103

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        syscall
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .text
        .globl syscall_work
        .type syscall_work, @function
syscall_work:
        SAVE_CALLEE_SAVED
        movl $MSR_TSC_AUX, %ecx
        movl $1, %eax
        xorl %edx, %edx
        wrmsr
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl kernel_has_guest
kernel_has_guest:
        nop
        outb %al, $GATECRASH_PORT_END
        RESTORE_CALLEE_SAVED
        ret
