#include "reference.hpp"

using gatecrash::abi::Frame;

extern "C" {

/// #VC's entry leaves the IST stack for what is right below the RSP that it interrupted.
void exception_work(Frame* frame, uint64_t vector, uint64_t) {
    const auto below = reinterpret_cast<uint64_t>(frame + 1);
    if (vector == GATECRASH_VECTOR_VC && below != frame->rsp) log_broken(4, vector, frame, below);
}
}
