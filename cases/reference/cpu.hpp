// Instructions that the bodies of the reference entry use. Nothing here is a step, so a defect's or a design's file may
// include this before it defines its steps. Guest side, freestanding.
#pragma once

#include "entry.h"
#include "reference.hpp"

#define INLINED [[gnu::always_inline]] inline
/// Marks functions in which the kernel refuses breakpoints: a #DB there would overwrite the frame of another #DB
/// (entry_data.h, breakpoints_refused).
#define NOINSTR [[gnu::section(".noinstr.text")]]
#define READ(register, value) asm volatile("mov %%" register ", %0" : "=r"(value))
#define WRITE(register, value) asm volatile("mov %0, %%" register : : "r"(value) : "memory")

namespace {

constexpr uint64_t dr7_quiet = 0x400, dr6_quiet = 0xffff0ff0;

INLINED bool is_from_user(const gatecrash::abi::Frame* frame) { return (frame->cs & 3) != 0; }

INLINED uint64_t read_msr(uint32_t msr) {
    uint32_t low = 0, high = 0;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return uint64_t{high} << 32 | low;
}

INLINED void interrupts_on() { asm volatile("sti" : : : "memory"); }
INLINED void interrupts_off() { asm volatile("cli" : : : "memory"); }
/// Turns interrupts on for one instruction.
INLINED void let_interrupts_in() { asm volatile("sti; nop; cli" : : : "memory"); }

INLINED void clear_machine_check() { asm volatile("wrmsr" : : "c"(MSR_MCG_STATUS), "a"(0), "d"(0)); }

}  // namespace
