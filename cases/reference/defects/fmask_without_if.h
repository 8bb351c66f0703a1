/* Leaves IF out of FMASK: after SYSCALL, interrupts may arrive before the entry has a stack. */
#define SET_UP_FMASK \
        movl $MSR_FMASK, %ecx; \
        rdmsr; \
        andl $~RFLAGS_IF, %eax; \
        wrmsr
