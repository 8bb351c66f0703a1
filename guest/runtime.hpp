// What entry code and workloads may call and define. Guest side, freestanding.
#pragma once

#include "gatecrash/abi.h"

extern "C" {

/// The body of every vector that may happen: logs that it was entered and left, and does the vector's work in between.
void event_body(gatecrash::abi::Frame* frame, uint64_t vector);
/// The body of a vector that nobody expects: logs it and ends the run.
[[noreturn]] void fatal_body(gatecrash::abi::Frame* frame, uint64_t vector);
/// The body of SYSCALL.
void syscall_body(gatecrash::abi::Frame* frame);

/// What an NMI's body does; a guest may define its own. The runtime's does nothing.
void nmi_work();
/// What SYSCALL does; a guest that brings its own workload may define it. The runtime's does nothing.
void syscall_work(gatecrash::abi::Frame* frame);

/// Appends a record of what `frame` says to the log ring.
void log_record(uint32_t kind, uint64_t vector, const gatecrash::abi::Frame* frame);
/// Appends one that says: the body of `vector` found invariant number `invariant` broken, by `found`.
void log_broken(uint32_t invariant, uint64_t vector, const gatecrash::abi::Frame* frame, uint64_t found);
/// What the kernel's GS base points to.
extern uint64_t per_cpu[];
/// The log ring.
extern gatecrash::abi::Log log_ring;
}
