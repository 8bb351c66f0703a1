/* SYSCALL, with the work that a system call can find. */
#include "init.h"

void sweep_getpid(void) { expect(sweep_system_call(__NR_getpid, 0, 0) == 1, "getpid() did not return 1"); }

void sweep_yield(void) { expect(sweep_system_call(__NR_sched_yield, 0, 0) == 0, "sched_yield() failed"); }

/* Linux closes a file after the system call that drops the last reference, as work of the task. Newer kernels make an
 * exception for close(), but not for dup2(). */
void sweep_exit_work(void) {
    const long file = system_call(__NR_open, (long)"/", 0, 0, 0);
    const long other = system_call(__NR_open, (long)"/", 0, 0, 0);
    long result;
    need(file >= 0 && other >= 0, "the root folder does not open");
    result = sweep_system_call(__NR_dup2, other, file);
    system_call(__NR_close, file, 0, 0, 0);
    system_call(__NR_close, other, 0, 0, 0);
    expect(result == file, "dup2() failed");
}

void sweep_fault_in_kernel(void) {
    char *page = map_fresh_page();
    const long result = sweep_system_call(__NR_uname, (long)page, 0);
    expect(result == 0 && page[0] == 'L', "uname() did not return the name of Linux");
    unmap_page(page);
}

void sweep_efault(void) { expect(sweep_system_call(__NR_uname, 1, 0) == bad_address, "uname(1) did not fail"); }
