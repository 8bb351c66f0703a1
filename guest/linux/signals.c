/* Signals, and the ways back from their handlers. */
#include "init.h"

enum { trap_flag = 0x100, fixed_and_interrupt_flag = 0x202 };

void restore_signal(void); /* start.S */

volatile unsigned delivered;
volatile unsigned long resume_at;

void count(int signal, void *info, struct ucontext *context) {
    (void)signal, (void)info, (void)context;
    ++delivered;
}

void repair(int signal, void *info, struct ucontext *context) {
    (void)signal, (void)info;
    context->uc_mcontext.rip = resume_at;
    context->uc_mcontext.eflags &= ~(unsigned long)trap_flag;
    context->uc_mcontext.ss = USER_DS;
    ++delivered;
}

static void set_handler(int signal, __sighandler_t handler) {
    static struct sigaction action;
    action.sa_handler = handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER;
    action.sa_restorer = restore_signal;
    system_call(__NR_rt_sigaction, signal, (long)&action, 0, sizeof action.sa_mask);
}

void catch_signal(int signal, signal_handler *handler) {
    delivered = 0;
    set_handler(signal, (__sighandler_t)(void (*)(void))handler);
}

void uncatch_signal(int signal) { set_handler(signal, SIG_DFL); }

void set_up_signals(void) {
    static char room[16384] __attribute__((aligned(16)));
    static stack_t stack;
    stack.ss_sp = room;
    stack.ss_size = sizeof room;
    system_call(__NR_sigaltstack, (long)&stack, 0, 0, 0);
    catch_signal(SIGUSR1, count);
    system_call(__NR_kill, 1, SIGUSR1, 0, 0);
    uncatch_signal(SIGUSR1);
}

/* The kernel returns to the handler by IRET. After the handler, it returns by SYSRET: RCX and R11 have what SYSCALL
 * left. */
void sweep_signal(void) {
    long result;
    catch_signal(SIGUSR1, count);
    result = sweep_system_call(__NR_kill, 1, SIGUSR1);
    uncatch_signal(SIGUSR1);
    expect(result == 0 && delivered == 1, "kill() did not deliver one signal");
}

/* Executes rt_sigreturn() with a frame that no signal made. The kernel returns by IRET, since RCX is not RIP. */
static void sweep_signal_return(unsigned short ss) {
    static struct ucontext context;
    struct sigcontext *registers = &context.uc_mcontext;
    const unsigned long rax = 0x1234567890abcdef, rcx = 0xfedcba0987654321;
    unsigned long rax_after = __NR_rt_sigreturn, rcx_after;
    context.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
    system_call(__NR_sigaltstack, 0, (long)&context.uc_stack, 0, 0);
    registers->rax = rax;
    registers->rcx = rcx;
    registers->eflags = fixed_and_interrupt_flag;
    registers->cs = USER_CS;
    registers->ss = ss;
    __asm__ volatile("movq $1f, %[rip]\n\t"
                     "movq $1f, resume_at(%%rip)\n\t"
                     "movq %%rsp, %[rsp]\n\t"
                     "movq %%rbp, %[rbp]\n\t"
                     "movl %[context], %%esp\n\t" BEGIN
                     "syscall\n"
                     "1:\t" END
                     : "+a"(rax_after), "=c"(rcx_after), [rip] "=m"(registers->rip), [rsp] "=m"(registers->rsp),
                       [rbp] "=m"(registers->rbp)
                     : [context] "i"(&context)
                     : "rbx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
                       "cc");
    expect(rax_after == rax && rcx_after == rcx, "rt_sigreturn() did not restore RAX and RCX");
}

void sweep_sigreturn(void) { sweep_signal_return(USER_DS); }

/* IRET faults: SS has a selector beyond the end of the GDT. */
void sweep_bad_iret(void) {
    enum { bad_ss = 0xfffb };
    catch_signal(SIGSEGV, repair);
    sweep_signal_return(bad_ss);
    uncatch_signal(SIGSEGV);
    expect(delivered == 1, "the bad SS did not lead to one SIGSEGV");
}
