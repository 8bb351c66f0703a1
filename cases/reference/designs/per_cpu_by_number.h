/* Finds the base of this CPU's data by the CPU's number, which is the limit of a descriptor in each CPU's GDT. TSC_AUX
 * has the number as well, except while it holds a guest's value. */
#define PER_CPU_BY_NUMBER
#ifndef READ_CPU_NUMBER
#define READ_CPU_NUMBER movl $GATECRASH_CPU_NUMBER, %ecx; lsl %ecx, %ecx
#endif
#define BORROW_KERNEL_GS_BASE \
        rdgsbase %rbx; \
        READ_CPU_NUMBER; \
        movq per_cpu_bases(, %rcx, 8), %rax; \
        wrgsbase %rax
