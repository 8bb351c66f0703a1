/* Returns by SYSEXIT although the frame has TF: after POPF, the trap occurs in the kernel. */
#define LOAD_EIP_AND_ESP \
        andl $~RFLAGS_IF, FROM_VECTOR(EFLAGS)(%esp); \
        pushl FROM_VECTOR(EFLAGS)(%esp); \
        popfl; \
        movl FROM_VECTOR(EIP)(%esp), %edx; \
        movl FROM_VECTOR(ESP)(%esp), %ecx; \
        leal FROM_VECTOR(EFLAGS)(%esp), %esp
#define RESTORE_FLAGS_AND_IF sti
#define flags_for_iret_only (RFLAGS_RF | RFLAGS_NT | RFLAGS_VM)
