// What entry code and workloads may call and define. Guest side, freestanding.
#pragma once

#include "gatecrash/abi.h"

namespace gatecrash {
#ifdef __i386__
using Frame = abi::Frame32;
#else
using Frame = abi::Frame;
#endif
}  // namespace gatecrash

// In a 32-bit guest, arguments are in EAX, EDX and ECX, and then on the stack (-mregparm=3).
extern "C" {

/// The body of every vector that may happen: logs that it was entered and left, and does the vector's work in between.
void event_body(gatecrash::Frame* frame, uintptr_t vector);
/// The body of a vector that nobody expects: logs it and ends the run.
[[noreturn]] void fatal_body(gatecrash::Frame* frame, uintptr_t vector);
/// The body of SYSCALL, and of SYSENTER in a 32-bit guest.
void syscall_body(gatecrash::Frame* frame);

/// What an NMI's body does; a guest may define its own. The runtime's does nothing.
void nmi_work();
/// Called by the body of an external interrupt, if the guest defines it; the runtime does not. It may turn interrupts on:
/// see `interrupts_in_service` and `nesting_limits` in gatecrash/abi.h.
void irq_work(gatecrash::Frame* frame, uintptr_t vector);
/// What they do; a guest that brings its own workload may define it. The runtime's does nothing.
void syscall_work(gatecrash::Frame* frame);

/// Appends a record of what `frame` says to the log ring.
void log_record(uint32_t kind, uintptr_t vector, const gatecrash::Frame* frame);
/// Appends one that says: the body of `vector` found invariant number `invariant` broken, by `found`.
void log_broken(uint32_t invariant, uintptr_t vector, const gatecrash::Frame* frame, uintptr_t found);
#ifdef __i386__
/// Whether frames have ESP and SS also if the privilege level did not change, because the entry code completes them; a
/// guest may define its own. By the runtime's they have not.
bool frames_are_whole();
#endif
/// What the kernel's GS base points to; in a 32-bit guest, what its FS is the segment of.
extern uintptr_t per_cpu[];
/// The log ring.
extern gatecrash::abi::Log log_ring;
}
