/* Leaves IF out of FMASK: after SYSCALL, interrupts come before there is a stack. */
#define SET_UP_FMASK \
        movl $MSR_FMASK, %ecx; \
        rdmsr; \
        andl $~RFLAGS_IF, %eax; \
        wrmsr
