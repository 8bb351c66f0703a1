// The steps of the bodies of exceptions and system calls, for bodies.cpp. Guest side, freestanding.
//
// Each #ifndef here, and in the headers included below, holds a step. A defect's or a design's file replaces it by
// defining its name (README.md).
#pragma once

#include "debugging.hpp"
#include "entry_check.hpp"
#include "nmi.hpp"
#include "patching.hpp"

/// Further functions that the entry of a design or a defect calls.
#ifndef FURTHER_BODIES
#define FURTHER_BODIES
#endif

namespace {

/// Reads the user's stack, whose page may be absent.
INLINED void trace_entry() { read_user(REFERENCE_TRACED); }

/// Returns the address of a page fault, and 0 for other vectors. A body must call it before any code that may fault.
#ifndef page_fault_address
INLINED uint64_t page_fault_address(uint64_t vector, uint64_t) {
    uint64_t cr2 = 0;
    if (vector == GATECRASH_VECTOR_PF) READ("cr2", cr2);
    return cr2;
}
#endif

/// Runs a trace point, which may fault. The body has already read CR2.
#ifndef trace_exception
INLINED void trace_exception(uint64_t, uint64_t) { trace_entry(); }
#endif

/// Handles a #BP of a patched site, and returns true if it was one. A body calls it before any code that may itself be
/// patched.
#ifndef emulated_site
INLINED bool emulated_site(Frame* frame, uint64_t vector) {
    return vector == GATECRASH_VECTOR_BP && emulate_site(frame);
}
#endif

/// Notes a machine check for the exit. MCIP stays set until then, since only then the IST stack is free for the next
/// one.
#ifndef note_machine_check
INLINED void note_machine_check() { has_machine_check = true; }
#endif

/// Handles any exception. The context is already the kernel's.
INLINED void handle(Frame* frame, uint64_t vector, uint64_t cr2, uint64_t debug_status) {
    const bool is_db = vector == GATECRASH_VECTOR_DB;
    if (is_spurious(vector, debug_status)) return;
    set_return_flags(frame, debug_status);
    check_entry(frame, vector);
    log_record(GATECRASH_LOG_ENTER, vector, frame);
    // A #DB inside an NMI's body unmasks NMIs by its IRET before that body ends.
    if (!db_may_come_in_nmi && is_db && nmi_state != NmiState::idle)
        log_broken(6, vector, frame, static_cast<uint64_t>(nmi_state));
    if (is_db) debug_work(frame, debug_status);
    if (vector == GATECRASH_VECTOR_MC) note_machine_check();
    log_record(GATECRASH_LOG_LEAVE, vector, frame);
    exception_work(frame, vector, cr2);  // may change where the frame returns to, like a signal
    if (vector == GATECRASH_VECTOR_PF) wait_for_page(frame);
}

#ifndef handle_exception
INLINED void handle_exception(Frame* frame, uint64_t vector, uint64_t cr2, uint64_t debug_status) {
    handle(frame, vector, cr2, debug_status);
}
#endif

/// Returns true if the kernel handles `vector` when it interrupts the kernel and runs on an IST stack.
#ifndef is_handled_in_kernel
INLINED bool is_handled_in_kernel(uint64_t) { return true; }
#endif
#ifndef ParanoidBreakpoints
using ParanoidBreakpoints = WithoutBreakpoints;
#endif
/// Does no exit work, since no other task may run while a handler is on an IST stack.
#ifndef leave_paranoid
INLINED void leave_paranoid() {}
#endif

/// Reports what a double fault interrupted. This may fault in turn, but the entry has already read CR2.
#ifndef dump_interrupted
INLINED void dump_interrupted(const Frame* frame, uint64_t) { dump_stack(frame); }
#endif

/// Makes the context the kernel's before any code depends on it.
#ifndef enter_syscall
INLINED void enter_syscall(const Frame* frame) { enter_from_user(frame, GATECRASH_VECTOR_SYSCALL); }
#endif
/// Checks for exit work with interrupts off, and leaves the kernel.
#ifndef leave_syscall
INLINED void leave_syscall() {
    interrupts_off();
    exit_to_user();
}
#endif

}  // namespace
