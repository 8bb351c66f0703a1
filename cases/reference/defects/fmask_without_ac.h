/* Leaves AC out of FMASK: after SYSCALL, SMAP is off. */
#define SET_UP_FMASK \
        movl $MSR_FMASK, %ecx; \
        rdmsr; \
        andl $~RFLAGS_AC, %eax; \
        wrmsr
