/* An init program with two workloads: a write into a pipe, and a write to a page that was not touched before.
 * `gatecrash linux --init FILE` boots a kernel with it, and sweeps both. */
#include <gatecrash/workload.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ends[2]; /* of the pipe */

/* The window has one system call. SYSCALL overwrites RCX and R11. */
static void write_to_pipe(void) {
    char byte = 'a';
    long written;
    __asm__ volatile(GATECRASH_RING(GATECRASH_DOORBELL_BEGIN) "syscall\n\t" GATECRASH_RING(GATECRASH_DOORBELL_END)
                     : "=a"(written)
                     : "a"(SYS_write), "D"(ends[1]), "S"(&byte), "d"(1L)
                     : "rcx", "r11", "memory");
    if (written != 1 || read(ends[0], &byte, 1) != 1) gatecrash_wrong("the byte did not pass through the pipe");
}

/* The window has one store, which faults. Then the kernel maps a page. */
static void touch_page(void) {
    volatile char* page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) gatecrash_skip("the kernel has no memory for a page");
    gatecrash_begin();
    *page = 1;
    gatecrash_end();
    munmap((void*)page, 4096);
}

static const struct gatecrash_workload workloads[] = {
    {"pipe", "SYSCALL: write() of one byte into a pipe", write_to_pipe},
    {"touch", "#PF: the first write to a page", touch_page},
};

int main(void) {
    if (pipe(ends) != 0) return 1;
    gatecrash_open_doorbells();
    gatecrash_serve(workloads, sizeof workloads / sizeof *workloads);
}
