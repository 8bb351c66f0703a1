#include "entry_common.h"
#include "runtime.hpp"

using gatecrash::Frame;
using gatecrash::abi::LogRecord;

__attribute__((section(".log"))) gatecrash::abi::Log log_ring = {};

// A schedule names the function in which an event lands. Inlining the helpers leaves only the functions of runtime.hpp,
// whose names are readable.
#define INLINED [[gnu::always_inline]] inline

namespace {

template <uint8_t port>
void ring_doorbell() {
    asm volatile("outb %%al, %0" : : "i"(int{port}) : "memory");
}

[[noreturn]] void give_up() {
    ring_doorbell<GATECRASH_PORT_FATAL>();
    for (;;) asm volatile("cli; hlt");
}

#ifdef __i386__
INLINED void describe(LogRecord& record, const Frame* frame) {
    record.rip = frame->eip;
    record.cs = frame->cs;
    record.rflags = frame->eflags;
    const bool from_user = (frame->cs & 3) == 3 || (frame->eflags & RFLAGS_VM) != 0;
    if (from_user || frames_are_whole()) {
        record.rsp = frame->esp;
        record.ss = frame->ss;
    } else {
        // Without a change of privilege level the CPU pushes neither ESP nor SS: the interrupted code ran on this
        // stack, directly above the frame.
        record.rsp = reinterpret_cast<uintptr_t>(&frame->esp);
        record.ss = GATECRASH_KERNEL_SS;
    }
}
#else
INLINED void describe(LogRecord& record, const Frame* frame) {
    record.rip = frame->rip;
    record.cs = frame->cs;
    record.rflags = frame->rflags;
    record.rsp = frame->rsp;
    record.ss = frame->ss;
}
#endif

/// The part of the log ring's head that one instruction can increment. A 32-bit guest uses the low half, which
/// suffices.
using Word [[gnu::may_alias]] = uintptr_t;

/// Appends a record. Any event may interrupt this function and append a record of its own, so a single instruction
/// reserves the record's place. A run that fills the ring is in a loop, so the function ends the run.
INLINED void append(uint32_t kind, uintptr_t vector, const Frame* frame, uintptr_t error) {
    const Word place = __atomic_fetch_add(reinterpret_cast<Word*>(&log_ring.head), 1, __ATOMIC_RELAXED);
    if (place >= GATECRASH_LOG_CAPACITY) {
        log_ring.head = GATECRASH_LOG_CAPACITY;
        log_ring.records[GATECRASH_LOG_CAPACITY - 1].kind = GATECRASH_LOG_FULL;
        give_up();
    }
    LogRecord& record = log_ring.records[place];
    record.kind = kind;
    record.vector = static_cast<uint32_t>(vector);
    record.frame = reinterpret_cast<uintptr_t>(frame);
    record.error = error;
    describe(record, frame);
}

INLINED void write_msr(uint32_t msr, uint64_t value) {
    asm volatile("wrmsr" : : "c"(msr), "a"(static_cast<uint32_t>(value)), "d"(static_cast<uint32_t>(value >> 32)));
}

#ifdef __i386__
/// Checks that FS and SS are the kernel's. With the user's FS, a body would read memory that the user chose as its
/// per-CPU data. With any other SS, the stack would not be where C++ code expects it.
INLINED void check_segments(uintptr_t vector, const Frame* frame) {
    uint32_t fs = 0, ss = 0;
    asm volatile("movl %%fs, %0" : "=r"(fs));
    asm volatile("movl %%ss, %0" : "=r"(ss));
    if (fs != GATECRASH_PER_CPU) log_broken(2 /* I2 */, vector, frame, fs);
    if (ss != GATECRASH_KERNEL_SS) log_broken(4 /* I4 */, vector, frame, ss);
}
#else
INLINED uint64_t read_msr(uint32_t msr) {
    uint32_t low = 0, high = 0;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return uint64_t{high} << 32 | low;
}

/// Checks that the GS base is the kernel's. With the user's, a body would read memory that the user chose as its
/// per-CPU data.
INLINED void check_segments(uintptr_t vector, const Frame* frame) {
    const uint64_t base = read_msr(MSR_GS_BASE);
    if (base != reinterpret_cast<uint64_t>(per_cpu)) log_broken(2 /* I2 */, vector, frame, base);
}
#endif

}  // namespace

extern "C" {

void log_record(uint32_t kind, uintptr_t vector, const Frame* frame) { append(kind, vector, frame, frame->error); }
void log_broken(uint32_t invariant, uintptr_t vector, const Frame* frame, uintptr_t found) {
    append(GATECRASH_LOG_BROKEN + invariant, vector, frame, found);
}

__attribute__((weak)) void nmi_work() {}
__attribute__((weak)) void syscall_work(Frame*) {}
__attribute__((weak)) void irq_work(Frame* frame, uintptr_t vector);
#ifdef __i386__
__attribute__((weak)) bool frames_are_whole() { return false; }
#endif

void event_body(Frame* frame, uintptr_t vector) {
    log_record(GATECRASH_LOG_ENTER, vector, frame);
    check_segments(vector, frame);
    if (vector == GATECRASH_VECTOR_NMI) nmi_work();
    if (vector >= GATECRASH_FIRST_IRQ && irq_work != nullptr) irq_work(frame, vector);
    // While MCIP is set, another machine check shuts the CPU down (SDM volume 3, 15.3.1.2).
    if (vector == GATECRASH_VECTOR_MC) write_msr(MSR_MCG_STATUS, 0);
    log_record(GATECRASH_LOG_LEAVE, vector, frame);
}

void fatal_body(Frame* frame, uintptr_t vector) {
    log_record(GATECRASH_LOG_FATAL, vector, frame);
    give_up();
}

void syscall_body(Frame* frame) {
    check_segments(GATECRASH_VECTOR_SYSCALL, frame);
    syscall_work(frame);
}
}
