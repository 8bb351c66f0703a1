// Turns breakpoints off and on, and reads DR6 for #DB. For bodies.cpp. Guest side, freestanding.
#pragma once

#include "cpu.hpp"

namespace {

#ifdef ASKS_FOR_BREAKPOINTS_FIRST
/// 0 if there are no breakpoints, so that a body can skip the read of DR7, which may be an exit to a hypervisor.
extern "C" volatile uint64_t breakpoints_of_cpu;
volatile uint64_t breakpoints_of_cpu = 1;
#endif

/// Keeps breakpoints off in code that no breakpoint may interrupt.
struct WithoutBreakpoints {
    INLINED WithoutBreakpoints() {
#ifdef ASKS_FOR_BREAKPOINTS_FIRST
        if (breakpoints_of_cpu == 0) return;
#endif
        READ("dr7", dr7);
        if (dr7 != dr7_quiet) WRITE("dr7", dr7_quiet);
    }
    WithoutBreakpoints(const WithoutBreakpoints&) = delete;
    WithoutBreakpoints& operator=(const WithoutBreakpoints&) = delete;
    INLINED ~WithoutBreakpoints() {
        if (dr7 != dr7_quiet) WRITE("dr7", dr7);
    }
    uint64_t dr7 = dr7_quiet;
};

#ifndef clear_debug_status
INLINED void clear_debug_status() { WRITE("dr6", dr6_quiet); }
#endif

/// Returns the conditions that DR6 reports to #DB, and clears DR6. The CPU never clears its bits, and the next #DB may
/// arrive right after this function. So the bits must go at once.
INLINED uint64_t take_debug_status(uint64_t vector) {
    if (vector != GATECRASH_VECTOR_DB) return 0;
    uint64_t dr6 = 0;
    READ("dr6", dr6);
    clear_debug_status();
    return dr6 ^ dr6_quiet;
}

/// Sets RF in the frame for an instruction breakpoint. Such a breakpoint triggers before its instruction, and triggers
/// again after the IRET unless the IRET sets RF. All breakpoints of this kernel are of that type (DR7_ARMED).
INLINED void let_instruction_pass(gatecrash::abi::Frame* frame, uint64_t debug_status) {
    constexpr uint64_t any_breakpoint = 0xf;
    if ((debug_status & any_breakpoint) != 0) frame->rflags |= RFLAGS_RF;
}

/// Changes RF only. The return restores all other flags of the interrupted context unchanged.
#ifndef set_return_flags
INLINED void set_return_flags(gatecrash::abi::Frame* frame, uint64_t debug_status) {
    let_instruction_pass(frame, debug_status);
}
#endif

/// Returns true for a #DB that the body may ignore. By default there is none: a #DB without a bit in DR6 may be INT1,
/// for which INT 1 stands here.
#ifndef is_spurious
INLINED bool is_spurious(uint64_t, uint64_t) { return false; }
#endif

}  // namespace
