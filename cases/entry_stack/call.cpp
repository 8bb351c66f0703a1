// Emulates the CALL for which the breakpoint of call.S stands.
#include "reference32.hpp"

using gatecrash::Frame;

extern "C" {
extern const char kernel_call_back[], callee[];

void exception_work(Frame* frame, uint32_t) {
    if (frame->vector == GATECRASH_VECTOR_PF ||
        frame->vector == GATECRASH_VECTOR_GP) {  // no code of this guest should fault
        log_broken(9, frame->vector, frame, frame->error);
        fatal_body(frame, frame->vector);
    }
    if (frame->vector != GATECRASH_VECTOR_BP || frame->eip != reinterpret_cast<uint32_t>(kernel_call_back)) return;
#ifdef WHOLE_FRAMES
    uint32_t& esp = frame->esp;
#else
    // The CPU pushed no ESP: the interrupted stack continues directly above the frame.
    auto esp = reinterpret_cast<uint32_t>(&frame->esp);
#endif
    esp -= sizeof frame->eip;
    *reinterpret_cast<volatile uint32_t*>(esp) = frame->eip;
    frame->eip = reinterpret_cast<uint32_t>(callee);
}
}
