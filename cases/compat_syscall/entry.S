// Handles a SYSCALL from 32-bit code, which an AMD CPU sends to CSTAR, and for which an Intel CPU raises #UD. The
// kernel of these guests has no such system calls, so it returns ENOSYS. The pages in pages/ explain what goes wrong.
#include "entry.h"

#define ENOSYS 38

        .text
#ifdef CSTAR_STUB
// Runs at CPL 0 with the user's RSP and GS base, and uses neither.
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
        CALL_OUTSIDE event_body
        popq %rdi
        addq $2, GATECRASH_FRAME_RIP(%rdi)
        movq $-ENOSYS, GATECRASH_FRAME_RAX(%rdi)
        ret

// All memory that these guests should use is mapped, so a page fault ends the run.
        .globl entry_pf
        .type entry_pf, @function
entry_pf:
        ENTRY_FATAL GATECRASH_VECTOR_PF
