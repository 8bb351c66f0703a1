// Checks at the start of each body that the entry kept its promises. Guest side, freestanding.
#pragma once

#include "context.hpp"

namespace {

#ifndef gs_base
INLINED uint64_t gs_base() {
    uint64_t base = 0;
    asm volatile("rdgsbase %0" : "=r"(base));
    return base;
}
#endif

/// Returns true if the body of `vector` may stay on its IST stack after an entry from user code. By default none may.
#ifndef stays_on_ist_stack
INLINED bool stays_on_ist_stack(uint64_t) { return false; }
#endif

/// Returns true if the frame is where an entry from user code must put it: at the top of the task stack.
INLINED bool is_in_place(const Frame* frame, uint64_t vector) {
    if (stays_on_ist_stack(vector)) return true;
    return !is_from_user(frame) || reinterpret_cast<uint64_t>(frame + 1) == per_cpu[0];
}

constexpr uint64_t cleared_by_entry = RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC;
#ifndef cleared_by_syscall_entry
constexpr uint64_t cleared_by_syscall_entry = cleared_by_entry;
#endif

/// Returns true if `cs` is a selector that a CPU pushes in 64-bit mode. Any other value means that the frame is not
/// where it seems to be.
INLINED bool is_code_segment(uint64_t cs) { return cs == GATECRASH_KERNEL_CS || (cs <= 0xffff && (cs & 3) == 3); }

/// Checks all promises that the entry must have kept by now, whatever it interrupted.
INLINED void check_entry(const Frame* frame, uint64_t vector, uint64_t cleared = cleared_by_entry) {
    uint64_t flags = 0, cr3 = 0;
    asm volatile("pushfq; popq %0" : "=r"(flags));
    if (!is_code_segment(frame->cs)) log_broken(4, vector, frame, reinterpret_cast<uint64_t>(frame));
    if ((flags & cleared) != 0) log_broken(11, vector, frame, flags);
    READ("cr3", cr3);
    if ((cr3 & GATECRASH_USER_ROOT) != 0) log_broken(3, vector, frame, cr3);
    if (const auto base = gs_base(); base != reinterpret_cast<uint64_t>(per_cpu)) log_broken(2, vector, frame, base);
    if (tracks_context && context != Context::kernel) log_broken(10, vector, frame, static_cast<uint64_t>(context));
    if (!is_in_place(frame, vector)) log_broken(4, vector, frame, reinterpret_cast<uint64_t>(frame));
}

}  // namespace
