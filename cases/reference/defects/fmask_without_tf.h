/* Leaves TF out of FMASK: after SYSCALL, a SYSCALL of a stepped user traps in the entry. */
#define SET_UP_FMASK \
        movl $MSR_FMASK, %ecx; \
        rdmsr; \
        andl $~RFLAGS_TF, %eax; \
        wrmsr
