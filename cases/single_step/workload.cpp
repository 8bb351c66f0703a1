// The debugger, which steps user code with TF.
#include "reference.hpp"

#include "entry.h"

using gatecrash::abi::Frame;

extern "C" {
extern const char user_first[], user_second[], user_step_end[];
}

namespace {

/// Emulates a PUSHF instead of stepping it, so that the pushed flags do not contain the debugger's TF. It finds the
/// PUSHF by symbols, since a guest cannot read its text while the harness steps it.
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

/// Sets TF for the return. The first trap comes after the user's first instruction, so this function must check that
/// one itself.
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
