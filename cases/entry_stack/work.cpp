// Does the kernel's part of the SYSENTERs of workload.S.
#include "work.h"

#include "reference32.hpp"

using gatecrash::Frame;

namespace {
/// The segments to which a SYSENTER returns. The user's EAX is the index of its row.
struct Segments {
    uint32_t cs, ss, ds, es, fs, gs;
};
}  // namespace

extern "C" {
extern const Segments rows[];
extern const char entry_stack_segment[];

#ifdef HANDLER_SLEEPS
void sleep();
[[noreturn]] void wake();
void fixup_work() { sleep(); }
#endif

#ifdef LOADS_GDT_OF_FIRMWARE
extern const uint64_t gdt[];
extern const char gdt_limit[];
#endif
}

namespace {
#ifdef LOADS_GDT_OF_FIRMWARE
/// The operand of LGDT.
struct [[gnu::packed]] Table {
    uint16_t limit;
    uint32_t base;
};
void load_gdt(const uint64_t* table) {
    const Table operand{static_cast<uint16_t>(reinterpret_cast<uint32_t>(gdt_limit)),
                        reinterpret_cast<uint32_t>(table)};
    asm volatile("lgdt %0" : : "m"(operand));
}

/// A GDT outside the entry area, like most kernel memory.
uint64_t gdt_of_firmware[16];

/// Models a call of firmware, which needs a GDT at an address of its own.
void call_firmware() {
    for (uint32_t i = 0; i < (reinterpret_cast<uint32_t>(gdt_limit) + 1) / 8; ++i) gdt_of_firmware[i] = gdt[i];
    load_gdt(gdt_of_firmware);
#ifndef GDT_OF_FIRMWARE_STAYS
    load_gdt(gdt);
#endif
}
#else
void call_firmware() {}
#endif
}  // namespace

extern "C" void syscall_work(Frame* frame) {
#ifdef HANDLER_SLEEPS
    if (frame->eax == OTHER_TASK) wake();
#endif
    call_firmware();
    // The design espfix_base_in_per_cpu_data reads this base.
    per_cpu[1] = reinterpret_cast<uint32_t>(entry_stack_segment);
    const auto& row = rows[frame->eax];
    frame->cs = row.cs;
    frame->ss = row.ss;
    frame->ds = row.ds;
    frame->es = row.es;
    frame->fs = row.fs;
    frame->gs = row.gs;
}
