/* Finds the base of this CPU's data by the CPU's number: the limit of a descriptor that each CPU's GDT has for that.
 * TSC_AUX has the number as well, unless it is lent to a guest. */
#define PER_CPU_BY_NUMBER
#ifndef READ_CPU_NUMBER
#define READ_CPU_NUMBER movl $GATECRASH_CPU_NUMBER, %ecx; lsl %ecx, %ecx
#endif
#define BORROW_KERNEL_GS_BASE \
        rdgsbase %rbx; \
        READ_CPU_NUMBER; \
        movq per_cpu_bases(, %rcx, 8), %rax; \
        wrgsbase %rax
