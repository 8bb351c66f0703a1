// The reference entry's bodies: what a kernel does in C between its entry and its exit, as far as that has to be right
// for the entry to be. Each checks on its way in that the entry did what it promises, and says so in the log.
#include "context.hpp"
#include "debugging.hpp"
#include "nmi.hpp"
#include "patching.hpp"

using gatecrash::abi::Frame;

namespace {

/// Where an entry from user code has put its frame. Of one that stays on its IST stack the sweep is to show what comes
/// of that.
INLINED bool is_in_place(const Frame* frame, [[maybe_unused]] uint64_t vector) {
#ifdef DEFECT_NMI_FROM_USER_STAYS
    if (vector == GATECRASH_VECTOR_NMI) return true;
#endif
#ifdef DEFECT_MC_FROM_USER_STAYS
    if (vector == GATECRASH_VECTOR_MC) return true;
#endif
    return !is_from_user(frame) || reinterpret_cast<uint64_t>(frame + 1) == per_cpu[0];
}

constexpr uint64_t cleared_by_entry = RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC;

/// One that a CPU pushes in 64-bit mode. What stands there else is another word: the frame is not where it seems.
INLINED bool is_code_segment(uint64_t cs) { return cs == GATECRASH_KERNEL_CS || (cs <= 0xffff && (cs & 3) == 3); }

/// What the entry has to have done by now, whatever it interrupted.
INLINED void check_entry(const Frame* frame, uint64_t vector, uint64_t cleared = cleared_by_entry) {
    uint64_t flags = 0, cr3 = 0;
    asm volatile("pushfq; popq %0" : "=r"(flags));
    if (!is_code_segment(frame->cs)) log_broken(4, vector, frame, reinterpret_cast<uint64_t>(frame));
    if ((flags & cleared) != 0) log_broken(11, vector, frame, flags);
    READ("cr3", cr3);
    if ((cr3 & GATECRASH_USER_ROOT) != 0) log_broken(3, vector, frame, cr3);
    if (const auto base = gs_base(); base != reinterpret_cast<uint64_t>(per_cpu)) log_broken(2, vector, frame, base);
    if (tracks_context && context != Context::kernel) log_broken(10, vector, frame, static_cast<uint64_t>(context));
    if (!is_in_place(frame, vector)) log_broken(4, vector, frame, reinterpret_cast<uint64_t>(frame));
}

INLINED void handle(Frame* frame, uint64_t vector, uint64_t cr2, uint64_t debug_status) {
    const bool is_db = vector == GATECRASH_VECTOR_DB;
#ifdef DEFECT_DB_WITHOUT_STATUS_IGNORED
    if (is_db && debug_status == 0) return;
#endif
    let_instruction_pass(frame, debug_status);
#ifdef DEFECT_RETURN_WITHOUT_AC
    frame->rflags &= ~uint64_t{RFLAGS_AC};
#endif
    check_entry(frame, vector);
    log_record(GATECRASH_LOG_ENTER, vector, frame);
    // Behind its IRET NMIs are unmasked, and an NMI's body still runs.
    if (!db_may_come_in_nmi && is_db && nmi_state != NmiState::idle)
        log_broken(6, vector, frame, static_cast<uint64_t>(nmi_state));
    if (is_db) debug_work(frame, debug_status);
    if (vector == GATECRASH_VECTOR_MC) {
#ifdef DEFECT_MCIP_CLEARED_ON_IST
        clear_machine_check();
#else
        has_machine_check = true;
#endif
    }
    log_record(GATECRASH_LOG_LEAVE, vector, frame);
    exception_work(frame, vector, cr2);  // may have it return elsewhere, as a signal does
    if (vector == GATECRASH_VECTOR_PF) wait_for_page(frame);
}

#ifdef INT80_SYSCALLS
extern "C" const char user_int80_back[];

/// Whether vector 0x80, through whose gate user code executes system calls, came from outside. Nothing in the frame
/// says so; a local APIC does, which has the bit of an interrupt set from its delivery to the end of its handling.
INLINED bool is_external([[maybe_unused]] const Frame* frame) {
#if defined(DEFECT_INT80_FROM_ANYWHERE)
    return false;
#elif defined(DEFECT_INT80_BY_OPCODE)
    // Whether INT 0x80 stands in front of RIP. Text cannot be read while it is stepped, so the workload says where.
    return frame->rip != reinterpret_cast<uint64_t>(user_int80_back);
#else
    uint64_t& word = interrupts_in_service[GATECRASH_USER_IRQ / 64];
    constexpr uint64_t bit = uint64_t{1} << GATECRASH_USER_IRQ % 64;
    const bool is_in_service = (word & bit) != 0;
    word &= ~bit;
    return is_in_service;
#endif
}
#endif

/// What a tracer does at an entry: it follows the user's stack, which may not be there yet.
INLINED void trace_entry() { read_user(REFERENCE_TRACED); }

}  // namespace

extern "C" {

uint64_t exit_work = 0;
#ifdef INT80_SYSCALLS
uint64_t interrupts_in_service[GATECRASH_VECTORS / 64] = {};
#endif
extern const char user_fault_landing[] __attribute__((weak));
extern volatile uint8_t idt[];

__attribute__((weak)) void exception_work(Frame* frame, uint64_t vector, uint64_t cr2) {
    const bool is_fault = vector == GATECRASH_VECTOR_UD || (vector >= GATECRASH_VECTOR_TS && vector <= GATECRASH_VECTOR_PF);
    if (!is_fault) return;
    if (vector == GATECRASH_VECTOR_PF && cr2 == REFERENCE_TRACED) return;  // it is there now
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
    // As any call may.
    asm volatile("xorl %%edx, %%edx" : : : "rdx", "cc");
}

NOINSTR void exception_body(Frame* frame, uint64_t vector, uint64_t cr2_of_entry) {
#else
NOINSTR void exception_body(Frame* frame, uint64_t vector) {
#endif
#ifndef DEFECT_SITES_EMULATED_LAST
    if (vector == GATECRASH_VECTOR_BP && emulate_site(frame)) return;
#endif
    uint64_t cr2 = 0;
#ifdef TRACED_IN_ASSEMBLY
    if (vector == GATECRASH_VECTOR_PF) cr2 = cr2_of_entry;
#else
    // Before anything that may fault by itself.
    if (vector == GATECRASH_VECTOR_PF) READ("cr2", cr2);
#endif
    const auto debug_status = take_debug_status(vector);
    const ContextOf context_of(frame, vector);
    trace_entry();
#ifdef DEFECT_CR2_READ_LATE
    if (vector == GATECRASH_VECTOR_PF) READ("cr2", cr2);
#endif
    handle(frame, vector, cr2, debug_status);
#ifdef DEFECT_SITES_EMULATED_LAST
    if (vector == GATECRASH_VECTOR_BP) emulate_site(frame);
#endif
}

#ifdef DEFECT_RETURN_FAULT_IS_THE_KERNELS
NOINSTR void exception_body_without_context(Frame* frame, uint64_t vector) { handle(frame, vector, 0, 0); }
#endif

#ifdef IDLES
void be_idle() {
    context = Context::idle;
    // A trace point follows the user's stack here, too.
    asm volatile(
        ".globl idle_loop, idle_loop_end\n"
        "idle_loop: sti; nop; movq (%0), %%rax; cli; idle_loop_end:"
        :
        : "r"(uint64_t{REFERENCE_TRACED})
        : "rax", "memory");
    context = Context::kernel;
}
#endif

#ifdef DEFECT_PARANOID_DOES_EXIT_WORK
/// Other tasks run, whose code may be watched.
__attribute__((noinline)) void reschedule_here() { asm volatile("sti; nop; cli" : : : "memory"); }
#endif

NOINSTR void paranoid_body(Frame* frame, uint64_t vector) {
#ifdef DEFECT_DB_OF_KERNEL_IGNORED
    if (vector == GATECRASH_VECTOR_DB) return;
#endif
    {
#ifndef DEFECT_PARANOID_KEEPS_DR7
        const WithoutBreakpoints quiet;
#endif
        if (vector == GATECRASH_VECTOR_BP && emulate_site(frame)) return;
        const auto debug_status = take_debug_status(vector);
        const BorrowedContext borrowed(frame);
        handle(frame, vector, 0, debug_status);
    }
#ifdef DEFECT_PARANOID_DOES_EXIT_WORK
    while (exit_work != 0) {
        exit_work = 0;
        reschedule_here();
    }
#endif
}

__attribute__((weak)) void dump_stack(const Frame*) {}
__attribute__((weak)) void double_fault_work(Frame* frame, uint64_t) { fatal_body(frame, GATECRASH_VECTOR_DF); }

NOINSTR void double_fault_body(Frame* frame, uint64_t cr2) {
    const WithoutBreakpoints quiet;
    const BorrowedContext borrowed(frame);
    check_entry(frame, GATECRASH_VECTOR_DF);
    log_record(GATECRASH_LOG_ENTER, GATECRASH_VECTOR_DF, frame);
    dump_stack(frame);
#ifdef DEFECT_DF_READS_CR2_LATE
    READ("cr2", cr2);
#endif
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
    // Its IRET unmasks NMIs.
    if (nmi_state != NmiState::idle) log_broken(6, vector, frame, static_cast<uint64_t>(nmi_state));
    exit_work = exit_work | reschedule;
    interrupt_work(frame);
    log_record(GATECRASH_LOG_LEAVE, vector, frame);
}

/// The word below which an interrupt's or an NMI's body began is another by its end.
NOINSTR void irq_stack_overwritten(Frame* frame, uint64_t found) {
    const auto vector = frame->error != 0 ? frame->error : GATECRASH_VECTOR_NMI;
    log_broken(4, vector, frame, found);
}

NOINSTR void nmi_body(Frame* frame) {
#ifdef DEFECT_NMI_BODIES_NEST
    nmi_state = NmiState::idle;
#endif
    if (nmi_state != NmiState::idle) {
        nmi_state = NmiState::latched;
        return;
    }
    const BorrowedContext borrowed(frame);
    const OwnVcStack own_vc_stack(frame);
#ifdef DEFECT_NMI_SAVES_DR7_EACH_ROUND
    uint64_t dr7 = 0;
#endif
    do {
#if defined(DEFECT_NMI_SAVES_DR7_EACH_ROUND)
        READ("dr7", dr7);
        WRITE("dr7", dr7_quiet);
#elif !defined(DEFECT_NMI_KEEPS_DR7)
        const WithoutBreakpoints quiet;
#endif
#ifdef DEFECT_NMI_WRITES_IDT
        // The IST entry of #DB's gate: none while the NMI's body runs.
        auto& ist_of_db = idt[GATECRASH_VECTOR_DB * 16 + 4];
        ist_of_db = 0;
#endif
        nmi_state = NmiState::executing;
        Cr2 cr2;
        check_entry(frame, GATECRASH_VECTOR_NMI);
        log_record(GATECRASH_LOG_ENTER, GATECRASH_VECTOR_NMI, frame);
        nmi_work();
        log_record(GATECRASH_LOG_LEAVE, GATECRASH_VECTOR_NMI, frame);
        cr2.give_back();
#ifdef DEFECT_NMI_DOES_EXIT_WORK
        if (is_from_user(frame)) {
            exit_work = reschedule;
            do_exit_work();
        }
#endif
        // Latched becomes executing: another round. Executing becomes idle.
        asm volatile("decq %0" : "+m"(nmi_state) : : "cc", "memory");
    } while (nmi_state != NmiState::idle);
#ifdef DEFECT_NMI_SAVES_DR7_EACH_ROUND
    WRITE("dr7", dr7);
#endif
}

NOINSTR void syscall_entry_body(Frame* frame) {
#ifdef DEFECT_CONTEXT_ENTERED_LATE
    asm volatile("sti; nop; cli" : : : "memory");
#endif
    enter_from_user(frame, GATECRASH_VECTOR_SYSCALL);
#ifdef DEFECT_CONTEXT_ENTERED_TWICE
    enter_from_user(frame, GATECRASH_VECTOR_SYSCALL);
#endif
#ifdef DEFECT_STI_BEFORE_USER_RSP
    check_entry(frame, GATECRASH_VECTOR_SYSCALL, cleared_by_entry & ~uint64_t{RFLAGS_IF});
#else
    check_entry(frame, GATECRASH_VECTOR_SYSCALL);
#endif
    asm volatile("sti" : : : "memory");
    syscall_work(frame);
#ifdef DEFECT_EXIT_WORK_BEFORE_CLI
    do_exit_work();
    asm volatile("cli" : : : "memory");
    leave_kernel();
#else
    asm volatile("cli" : : : "memory");
    exit_to_user();
#endif
}
}
