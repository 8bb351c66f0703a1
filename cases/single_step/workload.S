// Runs user code that a debugger steps after its system call, up to user_step_end. The code reads its flags twice: in
// the first instruction, and later.
#include "entry.h"

#define FLAGS (RFLAGS_IF | 2)

        .section .rodata
        .globl sets_trap_flag
sets_trap_flag:
        .byte 1

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
        FILL_REGISTERS
        // Loads the registers with the values that they must have at END.
        movl $FLAGS, %ebx
        movl $FLAGS, %edx
        leaq user_first(%rip), %rcx
        movl $FLAGS, %r11d
        pushq $FLAGS
        popfq
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_syscall, user_first, user_second, user_step_end
user_syscall:
        syscall
user_first:
        pushfq
        popq %rdx
user_second:
        pushfq
        popq %rbx
user_step_end:
        nop
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2
