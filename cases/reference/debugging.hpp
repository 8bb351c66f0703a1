// Breakpoints, and what #DB is told. Of bodies.cpp. Guest side, freestanding.
#pragma once

#include "cpu.hpp"

namespace {

constexpr uint64_t dr7_quiet = 0x400, dr6_quiet = 0xffff0ff0;

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

/// What DR6 says has happened, to #DB. The CPU sets its bits and never clears them, so that is done at once: the next
/// #DB, which may come as soon as this goes on, is to find none of them.
INLINED uint64_t take_debug_status(uint64_t vector) {
    if (vector != GATECRASH_VECTOR_DB) return 0;
    uint64_t dr6 = 0;
    READ("dr6", dr6);
#ifndef DEFECT_KEEPS_DR6
    WRITE("dr6", dr6_quiet);
#endif
    return dr6 ^ dr6_quiet;
}

/// A breakpoint on an instruction comes in front of it, and again behind the IRET unless that sets RF. Those of this
/// kernel are of that type (DR7_ARMED).
INLINED void let_instruction_pass([[maybe_unused]] gatecrash::abi::Frame* frame,
                                  [[maybe_unused]] uint64_t debug_status) {
#ifndef DEFECT_BREAKPOINT_WITHOUT_RF
    constexpr uint64_t any_breakpoint = 0xf;
    if ((debug_status & any_breakpoint) != 0) frame->rflags |= RFLAGS_RF;
#endif
}

}  // namespace
