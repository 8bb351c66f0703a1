// The debugger.
#include "reference.hpp"

#include "entry.h"

using gatecrash::abi::Frame;

extern "C" {
extern const char user_first[], user_second[], user_step_end[];
}

namespace {

/// A PUSHF is not stepped but done for the user, so that TF, which is the debugger's, is not in what it pushes. Where
/// there is one the workload says: text cannot be read while it is stepped.
void do_pushf(Frame* frame) {
    const bool is_pushf =
        frame->rip == reinterpret_cast<uint64_t>(user_first) || frame->rip == reinterpret_cast<uint64_t>(user_second);
    if (!is_pushf) return;
    frame->rsp -= sizeof(uint64_t);
    *reinterpret_cast<uint64_t*>(frame->rsp) = frame->rflags & ~uint64_t{RFLAGS_TF};
    ++frame->rip;
}

}  // namespace

extern "C" {

/// The trap comes behind the first instruction that the user executes: nobody asks about that one again.
void syscall_work(Frame* frame) {
    frame->rflags |= RFLAGS_TF;
#ifndef FIRST_IS_NOT_LOOKED_AT
    do_pushf(frame);
#endif
}

void exception_work(Frame* frame, uint64_t vector, uint64_t) {
    if (vector != GATECRASH_VECTOR_DB) return;
    if (frame->rip == reinterpret_cast<uint64_t>(user_step_end)) {
        frame->rflags &= ~uint64_t{RFLAGS_TF};
        return;
    }
#ifndef PUSHF_IS_STEPPED
    do_pushf(frame);
#endif
}
}
