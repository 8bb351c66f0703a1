/* The table of workloads. */
#include "init.h"

_Noreturn void serve(const unsigned long *stack);

static const struct gatecrash_workload workloads[] = {
    {"getpid", "SYSCALL and SYSRET: getpid()", sweep_getpid},
    {"yield", "SYSCALL that calls the scheduler: sched_yield()", sweep_yield},
    {"exit-work", "SYSCALL that leaves work for its exit: dup2() drops the last reference to a file", sweep_exit_work},
    {"fault-in-kernel", "SYSCALL that faults on a page of the program: uname() to a fresh page", sweep_fault_in_kernel},
    {"efault", "SYSCALL that faults on a bad address: uname() returns EFAULT", sweep_efault},
    {"signal", "SYSCALL that delivers a signal, its handler, and rt_sigreturn(): kill() of itself", sweep_signal},
    {"sigreturn", "SYSCALL that returns by IRET: rt_sigreturn() with another RCX", sweep_sigreturn},
    {"bad-iret", "IRET that faults: rt_sigreturn() with a bad SS, and the SIGSEGV", sweep_bad_iret},
    {"page-fault", "#PF of the program: the first write to a page", sweep_page_fault},
    {"gp", "#GP of the program and the SIGSEGV: a load from a non-canonical address", sweep_gp},
    {"bp", "#BP of the program and the SIGTRAP: INT3", sweep_bp},
    {"de", "#DE of the program and the SIGFPE: a division by zero", sweep_de},
    {"single-step", "#DB of the program and the SIGTRAP: POPF sets the trap flag", sweep_single_step},
    {"irq-user", "an interrupt in the program", sweep_irq_user},
    {"nmi-user", "an NMI in the program", sweep_nmi_user},
    {"int80", "INT 0x80 of 64-bit code: getpid()", sweep_int80},
    {"int80-32", "INT 0x80 of 32-bit code: getpid()", sweep_int80_32},
    {"sysenter", "SYSENTER of 32-bit code, in the vDSO: getpid()", sweep_sysenter},
    {"syscall32", "SYSCALL of 32-bit code, in the vDSO: getpid()", sweep_syscall32},
    {"espfix", "IRET to a 16-bit SS: INT 0x80", sweep_espfix},
};

_Noreturn void serve(const unsigned long *stack) {
    gatecrash_open_doorbells();
    set_up_signals();
    find_compat_entries(stack);
    for (;;) gatecrash_serve(workloads, sizeof workloads / sizeof *workloads);
}

char *map_fresh_page(void) {
    enum { read_write = 3, private_anonymous = 0x22 };
    const long page = gatecrash_system_call(__NR_mmap, 0, page_size, read_write, private_anonymous, -1, 0);
    need(page > 0, "no memory: it needs one page more");
    return (char *)page;
}

void unmap_page(char *page) { system_call(__NR_munmap, (long)page, page_size, 0, 0); }
