/* The doorbells of an init program whose workloads `gatecrash linux` sweeps. For C and C++, without a library.
 *
 * The kernel starts the program as /init, with no other program and an almost empty root folder. It describes its
 * workloads, and asks again and again which of them to execute:
 *
 *     static void read_pid(void) {
 *         gatecrash_begin();
 *         ... the system call to sweep, best in one asm statement with the two doorbells ...
 *         gatecrash_end();
 *     }
 *     static const struct gatecrash_workload workloads[] = {{"getpid", "the system call getpid()", read_pid}};
 *
 *     int main(void) {
 *         gatecrash_open_doorbells();
 *         gatecrash_serve(workloads, 1);
 *     }
 */
#ifndef GATECRASH_WORKLOAD_H
#define GATECRASH_WORKLOAD_H

/* Ports of the doorbells. An OUT to one of them by a program stops the kernel. */
#define GATECRASH_DOORBELL_FIRST 0xd8
#define GATECRASH_DOORBELL_OPEN 0xd8      /* the harness makes the program able to ring, without its asking Linux */
#define GATECRASH_DOORBELL_NEXT 0xd9      /* RBX: workloads; RCX: how many. Afterwards EAX is the one to execute */
#define GATECRASH_DOORBELL_BEGIN 0xda     /* the window begins after this instruction */
#define GATECRASH_DOORBELL_BEGIN_IRQ 0xdb /* the same, and an interrupt arrives there */
#define GATECRASH_DOORBELL_BEGIN_NMI 0xdc /* the same, and an NMI arrives there */
#define GATECRASH_DOORBELL_END 0xdd       /* the window ends before this instruction */
#define GATECRASH_DOORBELL_ALIVE 0xde     /* the kernel still works after the window */
#define GATECRASH_DOORBELL_SKIP 0xdf      /* RBX: a string. This kernel or CPU cannot execute the workload: why */
#define GATECRASH_DOORBELL_WRONG 0xe0     /* RBX: a string. The window had a result that it cannot have: which */
#define GATECRASH_DOORBELL_LAST 0xe0

#ifndef __ASSEMBLER__

#define GATECRASH_TEXT_OF(value) #value
#define GATECRASH_RING_PORT(port) "outb %%al, $" GATECRASH_TEXT_OF(port) "\n\t"
/* Rings from inside an asm statement that has operands: GATECRASH_RING(GATECRASH_DOORBELL_BEGIN) "syscall\n\t" */
#define GATECRASH_RING(doorbell) GATECRASH_RING_PORT(doorbell)

#ifdef __cplusplus
extern "C" {
#endif

struct gatecrash_workload { /* NOLINT(readability-identifier-naming): for C */
    const char *name;     /* for --workload: letters, digits and '-' */
    const char *what;     /* one line for people */
    void (*execute)(void); /* has one window, from BEGIN to END */
};

static inline long gatecrash_system_call(long number, long first, long second, long third, long fourth, long fifth,
                                         long sixth) {
    register long r10 __asm__("r10") = fourth;
    register long r8 __asm__("r8") = fifth;
    register long r9 __asm__("r9") = sixth;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Makes OUT work in this program. iopl(3) would do that, too, but Linux would load the I/O bitmap at each return to the
 * program. So the program calls it only for the first doorbell, and takes it back. The harness sets the I/O privilege
 * level in RFLAGS, which the kernel keeps. */
static inline void gatecrash_open_doorbells(void) {
    enum { iopl = 172 };
    gatecrash_system_call(iopl, 3, 0, 0, 0, 0, 0);
    __asm__ volatile("outb %%al, %0" : : "i"(GATECRASH_DOORBELL_OPEN) : "memory");
    gatecrash_system_call(iopl, 0, 0, 0, 0, 0, 0);
}

/* Makes a string present: the harness reads memory as it is, without page faults. */
static inline void gatecrash_touch(const char *string) {
    const volatile char *each = string;
    while (*each) ++each;
}

static inline unsigned gatecrash_next(const struct gatecrash_workload *workloads, unsigned long count) {
    unsigned number;
    __asm__ volatile("outb %%al, %1"
                     : "=a"(number)
                     : "i"(GATECRASH_DOORBELL_NEXT), "b"(workloads), "c"(count)
                     : "memory");
    return number;
}

static inline void gatecrash_begin(void) { __asm__ volatile(GATECRASH_RING(GATECRASH_DOORBELL_BEGIN) : : : "memory"); }
static inline void gatecrash_end(void) { __asm__ volatile(GATECRASH_RING(GATECRASH_DOORBELL_END) : : : "memory"); }

/* Says why this kernel or CPU cannot execute the workload. Does not return. */
static inline void gatecrash_skip(const char *why) {
    gatecrash_touch(why);
    for (;;) __asm__ volatile("outb %%al, %0" : : "i"(GATECRASH_DOORBELL_SKIP), "b"(why) : "memory");
}

/* Says which result of the window is wrong: the kernel broke the program. Does not return. */
static inline void gatecrash_wrong(const char *why) {
    gatecrash_touch(why);
    for (;;) __asm__ volatile("outb %%al, %0" : : "i"(GATECRASH_DOORBELL_WRONG), "b"(why) : "memory");
}

/* Shows that the kernel still works: system calls, a new mapping, a fault in it. */
static inline void gatecrash_prove_alive(void) {
    enum { mmap = 9, munmap = 11, getpid = 39, length = 4096, read_write = 3, private_anonymous = 0x22 };
    char *page;
    gatecrash_system_call(getpid, 0, 0, 0, 0, 0, 0);
    page = (char *)gatecrash_system_call(mmap, 0, length, read_write, private_anonymous, -1, 0);
    *(volatile char *)page = 1;
    gatecrash_system_call(munmap, (long)page, length, 0, 0, 0, 0);
    __asm__ volatile("outb %%al, %0" : : "i"(GATECRASH_DOORBELL_ALIVE) : "memory");
}

/* Executes what the harness asks for. Does not return. */
static inline void gatecrash_serve(const struct gatecrash_workload *workloads, unsigned long count) {
    unsigned long i;
    for (i = 0; i < count; ++i) {
        gatecrash_touch(workloads[i].name);
        gatecrash_touch(workloads[i].what);
    }
    for (;;) {
        workloads[gatecrash_next(workloads, count)].execute();
        gatecrash_prove_alive();
    }
}

#ifdef __cplusplus
}
#endif

#endif

#endif
