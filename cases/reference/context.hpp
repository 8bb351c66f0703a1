// Tracks the context: whether the CPU does the work of the kernel or of the user. Also holds the exit work. For
// bodies.cpp. Guest side, freestanding.
#pragma once

#include "cpu.hpp"

namespace {

using gatecrash::abi::Frame;

constexpr uint64_t reschedule = 1;  // a bit of exit_work

/// The context: the CPU does the user's work, the kernel's work, or none. RCU and time accounting depend on it.
enum class Context : uint64_t { user, kernel, idle };
#ifdef MIGRATES
/// The first CPU does not track the context and always reports the kernel's. The CPU to which tasks migrate tracks it.
bool is_tracked = false;
Context context = Context::kernel;
#else
constexpr bool is_tracked = true;
Context context = Context::user;
#endif
#ifdef WITHOUT_CONTEXT_TRACKING
constexpr bool tracks_context = false;
#else
constexpr bool tracks_context = true;
#endif

#ifdef IDLES
constexpr bool idles = true;
extern "C" const char idle_loop[], idle_loop_end[];
#else
constexpr bool idles = false;
#endif
/// Counts the running bodies that have borrowed the kernel's context until their end.
uint64_t borrowed_contexts = 0;

#ifdef SOFT_CONTEXT
constexpr bool gives_context_back = true;
#else
constexpr bool gives_context_back = false;
#endif

/// True if a machine check has arrived whose bank the kernel must read and clear. It may arrive after the last check of
/// exit_work, so it is not a part of that; a real kernel would send itself an interrupt.
bool has_machine_check = false;

/// Returns true if the frame is one of the idle loop.
INLINED bool is_idle([[maybe_unused]] const Frame* frame) {
#ifdef IDLES
    return frame->rip >= reinterpret_cast<uint64_t>(idle_loop) &&
           frame->rip < reinterpret_cast<uint64_t>(idle_loop_end);
#else
    return false;
#endif
}

/// Enters the kernel's context from user code. Must run before any code that depends on the context.
INLINED void enter_from_user(const Frame* frame, uint64_t vector) {
    if (!is_tracked) return;
    if (tracks_context && context != Context::user) log_broken(10, vector, frame, static_cast<uint64_t>(context));
    context = Context::kernel;
}

INLINED void do_exit_work() {
    while (exit_work != 0) {
        exit_work = 0;
        let_interrupts_in();
    }
}

INLINED void leave_kernel() {
    // Clears MCIP only here, off the IST stack, since the next machine check may arrive from now on.
    if (has_machine_check) {
        has_machine_check = false;
        clear_machine_check();
    }
    if (is_tracked) context = Context::user;
}

/// Does the exit work and enters the user's context. Requires interrupts off: work that an interrupt asks for after the
/// last check would wait too long.
#ifndef exit_to_user
INLINED void exit_to_user() {
    do_exit_work();
    leave_kernel();
}
#endif

/// Leaves for user code from an exception or interrupt. The parameter is the context that its entry found.
#ifndef exit_from_exception
INLINED void exit_from_exception(Context) { exit_to_user(); }
#endif

/// Returns true if a handler that interrupted the kernel in the context `found` must borrow the kernel's context.
#ifndef has_to_borrow
INLINED bool has_to_borrow(Context found) { return idles && found == Context::idle; }
#endif

/// Sets the context for the body of an exception or interrupt. An entry from user code changes the context. An entry
/// from the kernel finds the kernel's context: nothing arrives between an entry and its change, or between an exit's
/// change and the return. So CS suffices to decide. With SOFT_CONTEXT the entry does not rely on that, and restores the
/// context that it finds. Handlers that interrupt the idle loop do so in both designs.
struct ContextOf {
    INLINED ContextOf(const Frame* of, uint64_t vector) : frame(of), found(context) {
        if (gives_context_back) {
            context = Context::kernel;
        } else if (is_from_user(frame)) {
            enter_from_user(frame, vector);
        } else if (borrows()) {
            ++borrowed_contexts;
            context = Context::kernel;
        }
    }
    ContextOf(const ContextOf&) = delete;
    ContextOf& operator=(const ContextOf&) = delete;
    INLINED ~ContextOf() {
        if (is_from_user(frame)) {
            exit_from_exception(found);
        } else if (gives_context_back) {
            context = found;
        } else if (has_borrowed) {
            --borrowed_contexts;
            context = found;
        }
    }
    INLINED bool borrows() {
        has_borrowed = has_to_borrow(found);
        return has_borrowed;
    }
    const Frame* frame;
    Context found;
    bool has_borrowed = false;
};

/// Makes the context the kernel's, whatever it was.
#ifndef borrow_context
INLINED void borrow_context(const Frame*) { context = Context::kernel; }
#endif

/// Borrows the kernel's context for a body that may interrupt any instruction, also in an entry or exit.
struct BorrowedContext {
    INLINED explicit BorrowedContext(const Frame* frame) { borrow_context(frame); }
    BorrowedContext(const BorrowedContext&) = delete;
    BorrowedContext& operator=(const BorrowedContext&) = delete;
    INLINED ~BorrowedContext() { context = found; }
    Context found = context;
};

/// Models that a page fault waits until its page is fetched, while other tasks run. A page fault in the idle loop does
/// not wait.
INLINED void wait_for_page([[maybe_unused]] const Frame* frame) {
#ifdef MIGRATES
    if (is_from_user(frame)) is_tracked = true;
#endif
    // Other tasks enter and leave the kernel, and change the context, so no body may hold a borrowed one now.
    if (idles && !is_idle(frame) && borrowed_contexts != 0)
        log_broken(10, GATECRASH_VECTOR_PF, frame, borrowed_contexts);
}

}  // namespace
