// The bodies of the reference entry. They do the work of a kernel's C code between entry and exit, as far as the entry
// depends on it. Each body first checks that the entry kept its promises, and logs any breach.
#include "body_steps.hpp"
#include "interrupt_origin.hpp"

using gatecrash::abi::Frame;

extern "C" {

uint64_t exit_work = 0;
#ifdef INT80_SYSCALLS
uint64_t interrupts_in_service[GATECRASH_VECTORS / 64] = {};
#endif
extern const char user_fault_landing[] __attribute__((weak));

__attribute__((weak)) void exception_work(Frame* frame, uint64_t vector, uint64_t cr2) {
    const bool is_fault =
        vector == GATECRASH_VECTOR_UD || (vector >= GATECRASH_VECTOR_TS && vector <= GATECRASH_VECTOR_PF);
    if (!is_fault) return;
    if (vector == GATECRASH_VECTOR_PF && cr2 == REFERENCE_TRACED) return;  // models a handler that maps the page
    if (!is_from_user(frame)) log_broken(9, vector, frame, frame->error);
    frame->rip = reinterpret_cast<uint64_t>(user_fault_landing);
    frame->cs = GATECRASH_USER_CS;
    frame->ss = GATECRASH_USER_SS;
    frame->rflags = RFLAGS_IF | 2;
}

__attribute__((weak)) void interrupt_work(Frame*) {}
__attribute__((weak)) void int80_work(Frame*) {}
__attribute__((weak)) void debug_work(Frame*, uint64_t) {}

#ifdef TRACED_IN_ASSEMBLY
NOINSTR void irqs_off_traced(const Frame* frame, uint64_t vector) {
    if (vector == 0) vector = frame->error;
    if (const auto base = gs_base(); base != reinterpret_cast<uint64_t>(per_cpu)) log_broken(2, vector, frame, base);
    trace_entry();
    // Clobbers RDX, as any call may.
    asm volatile("xorl %%edx, %%edx" : : : "rdx", "cc");
}
#endif

NOINSTR void exception_body(Frame* frame, uint64_t vector, [[maybe_unused]] uint64_t cr2_of_entry) {
    if (emulated_site(frame, vector)) return;
    auto cr2 = page_fault_address(vector, cr2_of_entry);
    const auto debug_status = take_debug_status(vector);
    const ContextOf context_of(frame, vector);
    trace_exception(vector, cr2);
    handle_exception(frame, vector, cr2, debug_status);
}

FURTHER_BODIES

#ifdef IDLES
void be_idle() {
    context = Context::idle;
    // The read is a trace point that follows the user's stack, as elsewhere.
    asm volatile(
        ".globl idle_loop, idle_loop_end\n"
        "idle_loop: sti; nop; movq (%0), %%rax; cli; idle_loop_end:"
        :
        : "r"(uint64_t{REFERENCE_TRACED})
        : "rax", "memory");
    context = Context::kernel;
}
#endif

NOINSTR void paranoid_body(Frame* frame, uint64_t vector) {
    if (!is_handled_in_kernel(vector)) return;
    {
        [[maybe_unused]] const ParanoidBreakpoints quiet;
        if (vector == GATECRASH_VECTOR_BP && emulate_site(frame)) return;
        const auto debug_status = take_debug_status(vector);
        const BorrowedContext borrowed(frame);
        handle(frame, vector, 0, debug_status);
    }
    leave_paranoid();
}

__attribute__((weak)) void dump_stack(const Frame*) {}
__attribute__((weak)) void double_fault_work(Frame* frame, uint64_t) { fatal_body(frame, GATECRASH_VECTOR_DF); }

NOINSTR void double_fault_body(Frame* frame, uint64_t cr2) {
    const WithoutBreakpoints quiet;
    const BorrowedContext borrowed(frame);
    check_entry(frame, GATECRASH_VECTOR_DF);
    log_record(GATECRASH_LOG_ENTER, GATECRASH_VECTOR_DF, frame);
    dump_interrupted(frame, cr2);
    log_record(GATECRASH_LOG_LEAVE, GATECRASH_VECTOR_DF, frame);
    double_fault_work(frame, cr2);
}

NOINSTR void interrupt_body(Frame* frame) {
    const auto vector = frame->error;
    const ContextOf context_of(frame, vector);
    check_entry(frame, vector);
#ifdef INT80_SYSCALLS
    if (vector == GATECRASH_USER_IRQ && !is_external(frame)) return int80_work(frame);
#endif
    log_record(GATECRASH_LOG_ENTER, vector, frame);
    // No interrupt may arrive while an NMI's body runs, since the interrupt's IRET unmasks NMIs.
    if (nmi_state != NmiState::idle) log_broken(6, vector, frame, static_cast<uint64_t>(nmi_state));
    exit_work = exit_work | reschedule;
    interrupt_work(frame);
    log_record(GATECRASH_LOG_LEAVE, vector, frame);
}

/// Reports that the word at the top of the interrupt stack changed while a body ran below it.
NOINSTR void irq_stack_overwritten(Frame* frame, uint64_t found) {
    const auto vector = frame->error != 0 ? frame->error : GATECRASH_VECTOR_NMI;
    log_broken(4, vector, frame, found);
}

NOINSTR void nmi_body(Frame* frame) {
    if (!nmi_bodies_nest && nmi_state != NmiState::idle) {
        latch_nmi();
        return;
    }
    const BorrowedContext borrowed(frame);
    const OwnVcStack own_vc_stack(frame);
    [[maybe_unused]] KeptOverNmiRounds kept;
    do {
        [[maybe_unused]] const NmiBreakpoints quiet;
        begin_nmi_round();
        Cr2 cr2;
        check_entry(frame, GATECRASH_VECTOR_NMI);
        log_record(GATECRASH_LOG_ENTER, GATECRASH_VECTOR_NMI, frame);
        nmi_work();
        log_record(GATECRASH_LOG_LEAVE, GATECRASH_VECTOR_NMI, frame);
        give_cr2_back(cr2);
        end_nmi_round(frame);
    } while (nmi_state != NmiState::idle);
}

NOINSTR void syscall_entry_body(Frame* frame) {
    enter_syscall(frame);
    check_entry(frame, GATECRASH_VECTOR_SYSCALL, cleared_by_syscall_entry);
    interrupts_on();
    syscall_work(frame);
    leave_syscall();
}
}
