/* Leaves TF out of FMASK: a SYSCALL of user code that is being stepped traps in the entry. */
#define SET_UP_FMASK \
        movl $MSR_FMASK, %ecx; \
        rdmsr; \
        andl $~RFLAGS_TF, %eax; \
        wrmsr
