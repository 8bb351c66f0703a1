// The bodies of the 32-bit reference entry. They do the work of a kernel's C code between entry and exit, as far as the
// entry depends on it. Each body first checks that the entry kept its promises, and logs any breach.
#include "body_steps.hpp"

using gatecrash::Frame;

extern "C" {

uint64_t exit_work = 0;

__attribute__((weak)) void exception_work(Frame* frame, uint32_t) {
    if (!is_fault(frame->vector)) return;
    if (!is_from_user(frame)) {
        log_broken(9, frame->vector, frame, frame->error);
        fatal_body(frame, frame->vector);
    }
    frame->eip = reinterpret_cast<uint32_t>(user_fault_landing);
    frame->cs = GATECRASH_USER32_CS;
    frame->ss = GATECRASH_USER_SS;
    frame->eflags = RFLAGS_IF | 2;
}

__attribute__((weak)) void fixup_work() {}
__attribute__((weak)) void debug_work(Frame*, uint32_t) {}

void exception_body(Frame* frame) {
    const auto vector = frame->vector;
    if (vector == GATECRASH_VECTOR_NMI) return nmi_body(frame);
    uint32_t cr2 = 0, debug_status = 0;
    if (vector == GATECRASH_VECTOR_PF) READ("cr2", cr2);
    if (vector == GATECRASH_VECTOR_DB) debug_status = take_debug_status();
    check_entry(frame, true);
    log_record(GATECRASH_LOG_ENTER, vector, frame);
    if (vector == GATECRASH_VECTOR_DB) debug_work(frame, debug_status);
    if (vector == GATECRASH_VECTOR_MC) clear_machine_check();
    log_record(GATECRASH_LOG_LEAVE, vector, frame);
    if (vector == GATECRASH_VECTOR_DB) stop_kernel_steps(frame, debug_status);
    if (is_fault(vector) && !is_from_user(frame) && fix(frame)) {
        fixup_work();
    } else {
        exception_work(frame, cr2);  // may change where the frame returns to, like a signal
    }
    if (is_from_user(frame)) exit_to_user();
}

void nmi_body(Frame* frame) {
    if (is_nmi_body_running()) {
        latch_nmi();
        return;
    }
    do {
        nmi_state = NmiState::executing;
        uint32_t cr2 = 0;
        READ("cr2", cr2);
        check_entry(frame, false);
        log_record(GATECRASH_LOG_ENTER, GATECRASH_VECTOR_NMI, frame);
        nmi_work();
        log_record(GATECRASH_LOG_LEAVE, GATECRASH_VECTOR_NMI, frame);
        give_cr2_back(cr2);
        next_nmi_state();
    } while (nmi_state != NmiState::idle);
}

void sysenter_body(Frame* frame) {
    check_entry(frame, true);
    interrupts_on();
    begin_call();
    if (!is_call(frame->eax)) {
        refuse_call(frame);
    } else {
        syscall_work(frame);
    }
    interrupts_off();
    exit_to_user();
    frame->vector = may_sysexit(frame) ? GATECRASH_VECTOR_SYSCALL : GATECRASH_VECTOR_GP;
}
}
