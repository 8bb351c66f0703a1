#include "reference.hpp"

using gatecrash::abi::Frame;

extern "C" {

extern const char user_fault_landing[], nmi_went_without[];

/// Checks that each page fault, of the NMI's body or of the workload, gets its own address.
void exception_work(Frame* frame, uint64_t vector, uint64_t cr2) {
    if (vector != GATECRASH_VECTOR_PF) return;
    const bool is_users = (frame->cs & 3) == 3;
    if (cr2 != (is_users ? REFERENCE_ABSENT : NMI_ABSENT)) log_broken(12, vector, frame, cr2);
    frame->rip = reinterpret_cast<uint64_t>(is_users ? user_fault_landing : nmi_went_without);
}
}
