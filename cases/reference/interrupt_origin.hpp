// Tells, for bodies.cpp, whether an interrupt came from outside. Guest side, freestanding.
#pragma once

#include "cpu.hpp"

extern "C" const char user_int80_back[];

namespace {

#ifdef INT80_SYSCALLS
/// Whether vector 0x80, through whose gate user code executes system calls, came from outside. Nothing in the frame
/// says so; a local APIC does, which has the bit of an interrupt set from its delivery to the end of its handling.
#ifndef is_external
INLINED bool is_external(const gatecrash::abi::Frame*) {
    uint64_t& word = interrupts_in_service[GATECRASH_USER_IRQ / 64];
    constexpr uint64_t bit = uint64_t{1} << GATECRASH_USER_IRQ % 64;
    const bool is_in_service = (word & bit) != 0;
    word &= ~bit;
    return is_in_service;
}
#endif
#endif

}  // namespace
