// What entry code and workloads of a case may call and define. Guest side, freestanding.
#pragma once

#include "gatecrash/abi.h"

extern "C" {

/// The body of every vector that may happen: logs that it was entered and left, and does the vector's work in between.
void event_body(gatecrash::abi::Frame* frame, uint64_t vector);
/// The body of a vector that nobody expects: logs it and ends the run.
[[noreturn]] void fatal_body(gatecrash::abi::Frame* frame, uint64_t vector);
/// The body of SYSCALL.
void syscall_body(gatecrash::abi::Frame* frame);

/// What an NMI's body does; a case defines its own. The runtime's does nothing.
void nmi_work();
/// What SYSCALL does; a case defines its own. The runtime's does nothing.
void syscall_work(gatecrash::abi::Frame* frame);

/// Appends a record of what `frame` says to the log ring.
void log_record(uint32_t kind, uint64_t vector, const gatecrash::abi::Frame* frame);
/// The log ring.
extern gatecrash::abi::Log log_ring;
}
