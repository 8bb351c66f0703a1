// What the SYSENTERs of workload.S do.
#include "work.h"

#include "reference32.hpp"

using gatecrash::Frame;

namespace {
/// What a SYSENTER returns to; its number is in the user's EAX.
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
/// For LGDT.
struct [[gnu::packed]] Table {
    uint16_t limit;
    uint32_t base;
};
void load_gdt(const uint64_t* table) {
    const Table operand{static_cast<uint16_t>(reinterpret_cast<uint32_t>(gdt_limit)),
                        reinterpret_cast<uint32_t>(table)};
    asm volatile("lgdt %0" : : "m"(operand));
}

/// Not in the entry area, as a kernel's memory is not.
uint64_t gdt_of_firmware[16];

/// A call of firmware, which wants a GDT at an address of its own.
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
    per_cpu[1] = reinterpret_cast<uint32_t>(entry_stack_segment);  // who has it there wants it from now on
    const auto& row = rows[frame->eax];
    frame->cs = row.cs;
    frame->ss = row.ss;
    frame->ds = row.ds;
    frame->es = row.es;
    frame->fs = row.fs;
    frame->gs = row.gs;
}
