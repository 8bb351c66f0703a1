/* Declares what the workloads share. Each workload has one window, with as few instructions of the program as possible.
 * It sets up and cleans up outside of the window, so that it can execute any number of times. */
#ifndef GATECRASH_GUEST_LINUX_INIT_H
#define GATECRASH_GUEST_LINUX_INIT_H

/* Selectors of programs (Linux gives every program these). */
#define USER_CS 0x33
#define USER_DS 0x2b
#define USER32_CS 0x23

#ifndef __ASSEMBLER__

#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <asm/unistd_64.h>

#include "gatecrash/workload.h"

enum { page_size = 4096, bad_address = -14 /* EFAULT */, getpid_32 = 20 };

#define BEGIN GATECRASH_RING(GATECRASH_DOORBELL_BEGIN)
#define END GATECRASH_RING(GATECRASH_DOORBELL_END)

static inline long system_call(long number, long first, long second, long third, long fourth) {
    return gatecrash_system_call(number, first, second, third, fourth, 0, 0);
}

/* The window has nothing but SYSCALL. */
static inline long sweep_system_call(long number, long first, long second) {
    long result;
    __asm__ volatile(BEGIN "syscall\n\t" END
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second)
                     : "rcx", "r11", "memory");
    return result;
}

/* Ends a workload whose window had another result than it must have. */
static inline void expect(int condition, const char *otherwise) {
    if (!condition) gatecrash_wrong(otherwise);
}

/* Ends a workload that cannot set up its window. */
static inline void need(int condition, const char *otherwise) {
    if (!condition) gatecrash_skip(otherwise);
}

/* Maps a page that is not present until something touches it. */
char *map_fresh_page(void);
void unmap_page(char *page);

/* Signals: signals.c. */
typedef void signal_handler(int signal, void *info, struct ucontext *context);
extern volatile unsigned delivered;      /* how often a handler ran since catch_signal() */
extern volatile unsigned long resume_at; /* where repair() goes on */
signal_handler count, repair;
/* count() only counts. repair() also mends what a workload breaks: RIP, the trap flag, SS. */
void catch_signal(int signal, signal_handler *handler);
void uncatch_signal(int signal);
/* Has handlers run on a stack of their own. Also delivers a first signal: Linux then allocates memory for signals, and
 * shuffles it with random numbers. Windows must run the same way each time. */
void set_up_signals(void);

/* 32-bit code: compat.c. Finds out which ways into the kernel 32-bit code has. `stack` is what the kernel gave to the
 * program. */
void find_compat_entries(const unsigned long *stack);
/* Skips the workload if the kernel has no INT 0x80. */
void need_int80(void);

void sweep_getpid(void), sweep_yield(void), sweep_exit_work(void), sweep_fault_in_kernel(void), sweep_efault(void);
void sweep_page_fault(void), sweep_gp(void), sweep_bp(void), sweep_de(void), sweep_single_step(void);
void sweep_irq_user(void), sweep_nmi_user(void);
void sweep_signal(void), sweep_sigreturn(void), sweep_bad_iret(void);
void sweep_int80(void), sweep_int80_32(void), sweep_sysenter(void), sweep_syscall32(void), sweep_espfix(void);

#endif
#endif
