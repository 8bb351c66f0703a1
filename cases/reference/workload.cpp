#include "reference.hpp"

using gatecrash::abi::Frame;

extern "C" {

extern const char user_bad_return_back[];
extern const char user_fault_landing[];

/// Makes one of the returns go to a code segment that is not present.
void syscall_work(Frame* frame) {
    if (frame->rip == reinterpret_cast<uint64_t>(user_bad_return_back)) frame->cs = GATECRASH_LDT_CODE_ABSENT;
}

/// Checks that every fault is the user's, and that a user's page fault has the address of the workload's.
void exception_work(Frame* frame, uint64_t vector, uint64_t cr2) {
    const bool is_fault = vector >= GATECRASH_VECTOR_NP && vector <= GATECRASH_VECTOR_PF;
    const bool is_traced = vector == GATECRASH_VECTOR_PF && cr2 == REFERENCE_TRACED;
    const bool is_users = (frame->cs & 3) == 3;
    if (!is_fault || (is_traced && !is_users)) return;
    if (!is_users) log_broken(9, vector, frame, frame->error);
    if (vector == GATECRASH_VECTOR_PF && cr2 != REFERENCE_ABSENT) log_broken(12, vector, frame, cr2);
    frame->rip = reinterpret_cast<uint64_t>(user_fault_landing);
    frame->cs = GATECRASH_USER_CS;
}

/// Does the work of an NMI's body: a profiler reads the user's stack.
void nmi_work() { (void)*reinterpret_cast<volatile const uint64_t*>(REFERENCE_TRACED); }
}
