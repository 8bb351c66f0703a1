/* Turns interrupts on before the user's RSP, kept per CPU, is on the stack: another SYSCALL overwrites it. */
#define TO_TASK_STACK movq TASK_STACK_TOP, %rsp; sti
#define cleared_by_syscall_entry (cleared_by_entry & ~uint64_t{RFLAGS_IF})
