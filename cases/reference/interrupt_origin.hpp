// Finds out for bodies.cpp whether an interrupt is external. Guest side, freestanding.
#pragma once

#include "cpu.hpp"

extern "C" const char user_int80_back[];

namespace {

#ifdef INT80_SYSCALLS
/// Returns true if an entry through vector 0x80, which user code uses for system calls, is an external interrupt. The
/// frame does not say so. A local APIC does: it sets the interrupt's bit at the delivery, and keeps it until EOI.
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
