// Functions and data that entry code and workloads may call, and functions that they may define. Guest side,
// freestanding.
#pragma once

#include "gatecrash/abi.h"

namespace gatecrash {
#ifdef __i386__
using Frame = abi::Frame32;
#else
using Frame = abi::Frame;
#endif
}  // namespace gatecrash

// A 32-bit guest passes arguments in EAX, EDX and ECX, and any further ones on the stack (-mregparm=3).
extern "C" {

/// The body of every expected vector. Logs its entry, does the work of the vector, and logs its end.
void event_body(gatecrash::Frame* frame, uintptr_t vector);
/// The body of an unexpected vector. Logs it and ends the run.
[[noreturn]] void fatal_body(gatecrash::Frame* frame, uintptr_t vector);
/// The body of SYSCALL, and of SYSENTER in a 32-bit guest.
void syscall_body(gatecrash::Frame* frame);

/// Does the work of an NMI's body. A guest may define its own; the runtime's does nothing.
void nmi_work();
/// Does the work of an external interrupt's body. The body calls it only if the guest defines it; the runtime does not.
/// It may turn interrupts on: see `interrupts_in_service` and `nesting_limits` in gatecrash/abi.h.
void irq_work(gatecrash::Frame* frame, uintptr_t vector);
/// Does the work of SYSCALL and SYSENTER. A guest with its own workload may define it; the runtime's does nothing.
void syscall_work(gatecrash::Frame* frame);

/// Appends a record of `kind` (GATECRASH_LOG_*) to the log ring, with the contents of `frame`.
void log_record(uint32_t kind, uintptr_t vector, const gatecrash::Frame* frame);
/// Appends a record which says that the body of `vector` found invariant number `invariant` broken. `found` is the
/// wrong value.
void log_broken(uint32_t invariant, uintptr_t vector, const gatecrash::Frame* frame, uintptr_t found);
#ifdef __i386__
/// Returns true if the entry code adds ESP and SS to frames in which the CPU did not push them. (The CPU pushes them
/// only if the privilege level changes.) A guest may define its own; the runtime's returns false.
bool frames_are_whole();
#endif
/// The per-CPU data: the kernel's GS base points here. In a 32-bit guest it is the segment in the kernel's FS.
extern uintptr_t per_cpu[];
/// The log ring.
extern gatecrash::abi::Log log_ring;
}
