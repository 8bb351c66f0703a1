// The steps of exceptions' and system calls' bodies, for bodies.cpp. Guest side, freestanding.
//
// Here and in the headers below, what is in #ifndef is a step: a defect's or a design's file that defines its name
// replaces it (README.md).
#pragma once

#include "debugging.hpp"
#include "entry_check.hpp"
#include "nmi.hpp"
#include "patching.hpp"

/// Functions that the entry of a design, or of a defect, calls besides.
#ifndef FURTHER_BODIES
#define FURTHER_BODIES
#endif

namespace {

/// Follows the user's stack, which may not be there yet.
INLINED void trace_entry() { read_user(REFERENCE_TRACED); }

/// The address of a page fault, and 0 for all others: to be read before anything that may fault by itself.
#ifndef page_fault_address
INLINED uint64_t page_fault_address(uint64_t vector, uint64_t) {
    uint64_t cr2 = 0;
    if (vector == GATECRASH_VECTOR_PF) READ("cr2", cr2);
    return cr2;
}
#endif

/// A trace point that may fault, in a body that has read CR2.
#ifndef trace_exception
INLINED void trace_exception(uint64_t, uint64_t) { trace_entry(); }
#endif

/// Whether a #BP was that of a patched site: then all is done. Looked for before anything that may be patched itself.
#ifndef emulated_site
INLINED bool emulated_site(Frame* frame, uint64_t vector) {
    return vector == GATECRASH_VECTOR_BP && emulate_site(frame);
}
#endif

/// MCIP stays set until the exit: only there the IST stack is free for the next one.
#ifndef note_machine_check
INLINED void note_machine_check() { has_machine_check = true; }
#endif

/// Any exception, in the kernel's context.
INLINED void handle(Frame* frame, uint64_t vector, uint64_t cr2, uint64_t debug_status) {
    const bool is_db = vector == GATECRASH_VECTOR_DB;
    if (is_spurious(vector, debug_status)) return;
    set_return_flags(frame, debug_status);
    check_entry(frame, vector);
    log_record(GATECRASH_LOG_ENTER, vector, frame);
    // After its IRET NMIs are unmasked, and an NMI's body still runs.
    if (!db_may_come_in_nmi && is_db && nmi_state != NmiState::idle)
        log_broken(6, vector, frame, static_cast<uint64_t>(nmi_state));
    if (is_db) debug_work(frame, debug_status);
    if (vector == GATECRASH_VECTOR_MC) note_machine_check();
    log_record(GATECRASH_LOG_LEAVE, vector, frame);
    exception_work(frame, vector, cr2);  // may have it return elsewhere, as a signal does
    if (vector == GATECRASH_VECTOR_PF) wait_for_page(frame);
}

#ifndef handle_exception
INLINED void handle_exception(Frame* frame, uint64_t vector, uint64_t cr2, uint64_t debug_status) {
    handle(frame, vector, cr2, debug_status);
}
#endif

/// On an IST stack: whether what interrupted the kernel is the kernel's to handle.
#ifndef is_handled_in_kernel
INLINED bool is_handled_in_kernel(uint64_t) { return true; }
#endif
#ifndef ParanoidBreakpoints
using ParanoidBreakpoints = WithoutBreakpoints;
#endif
/// No work of the exit: other tasks must not run there.
#ifndef leave_paranoid
INLINED void leave_paranoid() {}
#endif

/// Tells of what a double fault interrupted, which may fault in turn; CR2 has been read.
#ifndef dump_interrupted
INLINED void dump_interrupted(const Frame* frame, uint64_t) { dump_stack(frame); }
#endif

/// The context is the kernel's before anything looks.
#ifndef enter_syscall
INLINED void enter_syscall(const Frame* frame) { enter_from_user(frame, GATECRASH_VECTOR_SYSCALL); }
#endif
/// Work is looked for with interrupts off.
#ifndef leave_syscall
INLINED void leave_syscall() {
    interrupts_off();
    exit_to_user();
}
#endif

}  // namespace
