// What a SYSCALL from 32-bit code gets to: CSTAR on an AMD CPU, #UD on an Intel one. The kernel of these guests has no
// such system calls, and says so (ENOSYS). pages/ tells what goes wrong.
#include "entry.h"

#define ENOSYS 38

        .text
#ifdef CSTAR_STUB
// At CPL 0 with the user's RSP and GS base: uses neither.
        .globl entry_syscall32
        .type entry_syscall32, @function
entry_syscall32:
        movl $-ENOSYS, %eax
        sysretl
#endif

        .globl entry_ud
        .type entry_ud, @function
entry_ud:
        pushq $0
        ENTRY_PLAIN refuse GATECRASH_VECTOR_UD

        .globl refuse
        .type refuse, @function
refuse:
        pushq %rdi
        call event_body
        popq %rdi
        addq $2, GATECRASH_FRAME_RIP(%rdi)
        movq $-ENOSYS, GATECRASH_FRAME_RAX(%rdi)
        ret

// Nothing in these guests is ever not there.
        .globl entry_pf
        .type entry_pf, @function
entry_pf:
        ENTRY_FATAL GATECRASH_VECTOR_PF
