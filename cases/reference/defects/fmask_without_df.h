/* Leaves DF out of FMASK: after SYSCALL, string instructions run backwards. */
#define SET_UP_FMASK \
        movl $MSR_FMASK, %ecx; \
        rdmsr; \
        andl $~RFLAGS_DF, %eax; \
        wrmsr
