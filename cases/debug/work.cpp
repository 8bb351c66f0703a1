// Does the kernel's part of the workload of the debug variants, and checks each #DB.
#include "work.h"

#include "entry.h"
#include "reference.hpp"

using gatecrash::abi::Frame;

namespace {

#ifdef INT1_FROM_USER
bool int1_was_handled = false;
#endif
/// Counts the reports of a breakpoint on the first instruction of the first window.
uint64_t reports_of_first = 0;

bool is_at(const Frame* frame, const char* label) { return frame->rip == reinterpret_cast<uint64_t>(label); }

}  // namespace

extern "C" {

extern const char user_copy[], user_int1_back[], kernel_int1_back[], user_fault_landing[];
extern volatile bool int1_is_next;
void kernel_windows();
/// Reads two words of user memory.
__attribute__((noinline)) uint64_t copy_from_user(const uint64_t* from) {
    uint64_t first = 0, second = 0;
    asm volatile("movq (%2), %0; movq 8(%2), %1" : "=&r"(first), "=&r"(second) : "r"(from));
    return first ^ second;
}

void syscall_work(Frame* frame) {
    if (frame->rax == WORK_COPY) {
        copy_from_user(reinterpret_cast<const uint64_t*>(frame->rsp));
    } else if (frame->rax == WORK_WINDOWS) {
        kernel_windows();
    }
#ifdef INT1_FROM_USER
    if (frame->rax == WORK_REPORT) {
        if (!int1_was_handled) log_broken(5, GATECRASH_VECTOR_SYSCALL, frame, int1_was_handled);
        int1_was_handled = false;
    }
#endif
}

void debug_work(Frame* frame, uint64_t status) {
    if (int1_is_next && is_at(frame, kernel_int1_back)) {
        int1_is_next = false;
        if (status != 0) log_broken(12, GATECRASH_VECTOR_DB, frame, status);
    }
    if (is_at(frame, user_int1_back) && status == 0) {
#ifdef INT1_FROM_USER
        int1_was_handled = true;
#else
        log_broken(8, GATECRASH_VECTOR_DB, frame, status);
#endif
    }
    // The workload executes user_copy once, so a second report is about the same arrival.
    if (is_at(frame, user_copy) && ++reports_of_first > 1) log_broken(7, GATECRASH_VECTOR_DB, frame, frame->rip);
}

/// Checks the #GP of the user's INT 1, which the gate refuses. The error code names the gate: 0x0a (SDM volume 3,
/// 6.13). QEMU 7.2 counts in gates of 16 bytes, and pushes 0x12.
void exception_work(Frame* frame, uint64_t vector, uint64_t) {
    constexpr uint64_t of_idt = 2, ext_and_tables = 7;
    if (vector != GATECRASH_VECTOR_GP) return;
    if ((frame->cs & 3) == 0 || (frame->error & ext_and_tables) != of_idt) {
        log_broken(9, vector, frame, frame->error);
    }
    frame->rip = reinterpret_cast<uint64_t>(user_fault_landing);
}
}
