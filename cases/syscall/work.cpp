// Does the kernel's part of the SYSCALLs of workload.S: each edits its frame, as a debugger or a return from a signal
// may.
#include "reference.hpp"

#include "entry.h"

using gatecrash::abi::Frame;

extern "C" {

extern const char user_rcx_back[], user_r11_back[], user_rf_back[], user_cs_back[], user_ss_back[];

void syscall_work(Frame* frame) {
    const auto returns_to = [&](const char* label) { return frame->rip == reinterpret_cast<uint64_t>(label); };
    if (returns_to(user_rcx_back)) frame->rcx = frame->rdx;
    if (returns_to(user_r11_back)) frame->r11 = frame->r10;
    if (returns_to(user_rf_back)) {
        frame->rflags |= RFLAGS_RF;
        frame->r11 |= RFLAGS_RF;
    }
    if (returns_to(user_cs_back)) frame->cs = GATECRASH_LDT_CODE;
    if (returns_to(user_ss_back)) frame->ss = GATECRASH_LDT_DATA;
}

/// Checks that a breakpoint does not trigger where the user resumes with RF set, and that the kernel is not stepped.
void exception_work(Frame* frame, uint64_t vector, uint64_t) {
    if (vector != GATECRASH_VECTOR_DB) return;
    if (frame->rip == reinterpret_cast<uint64_t>(user_rf_back)) log_broken(7, vector, frame, frame->rip);
    const bool is_kernels = (frame->cs & 3) == 0;
    if (is_kernels && (frame->rflags & RFLAGS_TF) != 0) log_broken(11, vector, frame, frame->rflags);
}

/// Models that an interrupt switches to another task, which executes SYSCALL as well and leaves its RSP in the CPU's
/// scratch space. This may happen if the interrupted kernel has interrupts on.
void interrupt_work(Frame* frame) {
    constexpr uint64_t rsp_of_another_task = 0x1234000;
    const bool is_preemptible = (frame->cs & 3) == 0 && (frame->rflags & RFLAGS_IF) != 0;
    if (is_preemptible) per_cpu[1] = rsp_of_another_task;
}
}
