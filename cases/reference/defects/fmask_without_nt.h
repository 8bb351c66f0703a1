/* Leaves NT out of FMASK: after SYSCALL, the IRET of an interrupt at CPL 0 faults. */
#define SET_UP_FMASK \
        movl $MSR_FMASK, %ecx; \
        rdmsr; \
        andl $~RFLAGS_NT, %eax; \
        wrmsr
