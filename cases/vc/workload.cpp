#include "reference.hpp"

using gatecrash::abi::Frame;

extern "C" {

/// Checks that the entry of #VC has left the IST stack, and put the frame directly below the interrupted RSP.
void exception_work(Frame* frame, uint64_t vector, uint64_t) {
    const auto below = reinterpret_cast<uint64_t>(frame + 1);
    if (vector == GATECRASH_VECTOR_VC && below != frame->rsp) log_broken(4, vector, frame, below);
}
}
