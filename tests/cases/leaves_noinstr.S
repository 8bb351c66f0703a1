// The NMI entry of this kernel looks at the interrupted RIP. At one of them, `only_here`, it calls a function that is
// outside of the protected sections. PLANTED_CALL, PLANTED_INDIRECT_CALL and PLANTED_JUMP leave the sections without
// saying so. Without any, the call is annotated. Then only a jump that is not taken and an indirect call of a protected
// function look as if they left the sections.
#include "entry.h"

        .section .user, "ax"
        .globl user_start, only_here
        .type user_start, @function
user_start:
        FILL_REGISTERS
        outb %al, $GATECRASH_PORT_BEGIN
        nop
only_here:
        nop
        syscall
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .section .rodata, "a"
        .balign 8
outside_pointer:
        .quad outside
inside_pointer:
        .quad inside

        .text
        .globl outside, outside_and_back
outside:
        ret
outside_and_back:
        jmp back

        .section .entry.text, "ax"
        .globl inside
        .type inside, @function
inside:
        ret

        .globl entry_nmi, planted
        .type entry_nmi, @function
entry_nmi:
        cmpq $only_here, (%rsp)
        jne back
planted:
#if defined(PLANTED_CALL)
        call outside
#elif defined(PLANTED_INDIRECT_CALL)
        call *outside_pointer
#elif defined(PLANTED_JUMP)
        jnc outside_and_back
#else
        CALL_OUTSIDE outside
        jc outside_and_back
        call *inside_pointer
#endif
back:
        pushq $0
        ENTRY_PARANOID event_body GATECRASH_VECTOR_NMI
