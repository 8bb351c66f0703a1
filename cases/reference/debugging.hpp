// Breakpoints, and what #DB is told. Of bodies.cpp. Guest side, freestanding.
#pragma once

#include "cpu.hpp"

namespace {

#ifdef ASKS_FOR_BREAKPOINTS_FIRST
/// To know that DR7 need not be read, which is an exit where a hypervisor intercepts that.
extern "C" volatile uint64_t breakpoints_of_cpu;
volatile uint64_t breakpoints_of_cpu = 1;
#endif

/// Breakpoints are off while what they interrupt must not be interrupted by them.
struct WithoutBreakpoints {
    INLINED WithoutBreakpoints() {
#ifdef ASKS_FOR_BREAKPOINTS_FIRST
        if (breakpoints_of_cpu == 0) return;
#endif
        READ("dr7", dr7);
        if (dr7 != dr7_quiet) WRITE("dr7", dr7_quiet);
    }
    INLINED ~WithoutBreakpoints() {
        if (dr7 != dr7_quiet) WRITE("dr7", dr7);
    }
    uint64_t dr7 = dr7_quiet;
};

#ifndef clear_debug_status
INLINED void clear_debug_status() { WRITE("dr6", dr6_quiet); }
#endif

/// What DR6 says has happened, to #DB. The CPU sets its bits and never clears them, so that is done at once: the next
/// #DB, which may come as soon as this goes on, is to find none of them.
INLINED uint64_t take_debug_status(uint64_t vector) {
    if (vector != GATECRASH_VECTOR_DB) return 0;
    uint64_t dr6 = 0;
    READ("dr6", dr6);
    clear_debug_status();
    return dr6 ^ dr6_quiet;
}

/// A breakpoint on an instruction comes in front of it, and again behind the IRET unless that sets RF. Those of this
/// kernel are of that type (DR7_ARMED).
INLINED void let_instruction_pass(gatecrash::abi::Frame* frame, uint64_t debug_status) {
    constexpr uint64_t any_breakpoint = 0xf;
    if ((debug_status & any_breakpoint) != 0) frame->rflags |= RFLAGS_RF;
}

/// All other flags of what was interrupted are given back as they were.
#ifndef set_return_flags
INLINED void set_return_flags(gatecrash::abi::Frame* frame, uint64_t debug_status) {
    let_instruction_pass(frame, debug_status);
}
#endif

/// Handles only a #DB that DR6 does not explain: INT 1 stands for INT1, which sets no bit.
#ifndef is_spurious
INLINED bool is_spurious(uint64_t, uint64_t) { return false; }
#endif

}  // namespace
