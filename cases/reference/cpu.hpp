// What the reference entry's bodies ask the CPU for. Guest side, freestanding.
#pragma once

#include "entry.h"
#include "reference.hpp"

#define INLINED [[gnu::always_inline]] inline
/// No breakpoint may hit these: they run where one would overwrite another's frame (entry.S, breakpoints_refused).
#define NOINSTR [[gnu::section(".noinstr.text")]]
#define READ(register, value) asm volatile("mov %%" register ", %0" : "=r"(value))
#define WRITE(register, value) asm volatile("mov %0, %%" register : : "r"(value) : "memory")

namespace {

INLINED bool is_from_user(const gatecrash::abi::Frame* frame) { return (frame->cs & 3) != 0; }

INLINED uint64_t gs_base() {
#ifdef SIGN_OF_GS
    uint32_t low = 0, high = 0;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_GS_BASE));
    return uint64_t{high} << 32 | low;
#else
    uint64_t base = 0;
    asm volatile("rdgsbase %0" : "=r"(base));
    return base;
#endif
}

INLINED void clear_machine_check() { asm volatile("wrmsr" : : "c"(MSR_MCG_STATUS), "a"(0), "d"(0)); }

}  // namespace
