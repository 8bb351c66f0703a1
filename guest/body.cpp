#include "entry.h"
#include "runtime.hpp"

using gatecrash::abi::Frame;
using gatecrash::abi::LogRecord;

__attribute__((section(".log"))) gatecrash::abi::Log log_ring = {};

// Schedules name the function on whose code an event lands: those of runtime.hpp, which have names that can be read.
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

/// Appends a record. One instruction takes the record's place in the ring, since anything may interrupt this, and log
/// too. A run that fills the ring is going in circles: it ends here.
INLINED void append(uint32_t kind, uint64_t vector, const Frame* frame, uint64_t error) {
    const uint64_t place = __atomic_fetch_add(&log_ring.head, 1, __ATOMIC_RELAXED);
    if (place >= GATECRASH_LOG_CAPACITY) {
        log_ring.head = GATECRASH_LOG_CAPACITY;
        log_ring.records[GATECRASH_LOG_CAPACITY - 1].kind = GATECRASH_LOG_FULL;
        give_up();
    }
    LogRecord& record = log_ring.records[place];
    record.kind = kind;
    record.vector = static_cast<uint32_t>(vector);
    record.frame = reinterpret_cast<uint64_t>(frame);
    record.error = error;
    record.rip = frame->rip;
    record.cs = frame->cs;
    record.rflags = frame->rflags;
    record.rsp = frame->rsp;
    record.ss = frame->ss;
}

INLINED uint64_t read_msr(uint32_t msr) {
    uint32_t low = 0, high = 0;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return uint64_t{high} << 32 | low;
}

INLINED void write_msr(uint32_t msr, uint64_t value) {
    asm volatile("wrmsr" : : "c"(msr), "a"(static_cast<uint32_t>(value)), "d"(static_cast<uint32_t>(value >> 32)));
}

/// With the user's GS base a body would take what the user put there for its per-CPU data.
INLINED void check_gs(uint64_t vector, const Frame* frame) {
    const uint64_t base = read_msr(MSR_GS_BASE);
    if (base != reinterpret_cast<uint64_t>(per_cpu)) log_broken(2 /* I2 */, vector, frame, base);
}

}  // namespace

extern "C" {

void log_record(uint32_t kind, uint64_t vector, const Frame* frame) { append(kind, vector, frame, frame->error); }
void log_broken(uint32_t invariant, uint64_t vector, const Frame* frame, uint64_t found) {
    append(GATECRASH_LOG_BROKEN + invariant, vector, frame, found);
}

__attribute__((weak)) void nmi_work() {}
__attribute__((weak)) void syscall_work(Frame*) {}

void event_body(Frame* frame, uint64_t vector) {
    log_record(GATECRASH_LOG_ENTER, vector, frame);
    check_gs(vector, frame);
    if (vector == GATECRASH_VECTOR_NMI) nmi_work();
    // Until then the next machine check shuts the CPU down (SDM volume 3, 15.3.1.2).
    if (vector == GATECRASH_VECTOR_MC) write_msr(MSR_MCG_STATUS, 0);
    log_record(GATECRASH_LOG_LEAVE, vector, frame);
}

void fatal_body(Frame* frame, uint64_t vector) {
    log_record(GATECRASH_LOG_FATAL, vector, frame);
    give_up();
}

void syscall_body(Frame* frame) {
    check_gs(GATECRASH_VECTOR_SYSCALL, frame);
    syscall_work(frame);
}
}
