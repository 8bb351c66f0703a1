#include "runtime.hpp"

using gatecrash::abi::Frame;
using gatecrash::abi::LogRecord;

__attribute__((section(".log"))) gatecrash::abi::Log log_ring = {};

namespace {

template <uint8_t port>
void ring_doorbell() {
    asm volatile("outb %%al, %0" : : "i"(int{port}) : "memory");
}

[[noreturn]] void give_up() {
    ring_doorbell<GATECRASH_PORT_FATAL>();
    for (;;) asm volatile("cli; hlt");
}

}  // namespace

extern "C" {

/// Appends a record. One instruction takes the record's place in the ring, since anything may interrupt this, and log
/// too. A run that fills the ring is going in circles: it ends here.
void log_record(uint32_t kind, uint64_t vector, const Frame* frame) {
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
    record.error = frame->error;
    record.rip = frame->rip;
    record.cs = frame->cs;
    record.rflags = frame->rflags;
    record.rsp = frame->rsp;
    record.ss = frame->ss;
}

__attribute__((weak)) void nmi_work() {}
__attribute__((weak)) void syscall_work(Frame*) {}

void event_body(Frame* frame, uint64_t vector) {
    log_record(GATECRASH_LOG_ENTER, vector, frame);
    if (vector == GATECRASH_VECTOR_NMI) nmi_work();
    log_record(GATECRASH_LOG_LEAVE, vector, frame);
}

void fatal_body(Frame* frame, uint64_t vector) {
    log_record(GATECRASH_LOG_FATAL, vector, frame);
    give_up();
}

void syscall_body(Frame* frame) { syscall_work(frame); }
}
