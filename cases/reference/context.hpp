// Whose work the CPU does, from the entry to what is to be done before the exit. Of bodies.cpp. Guest side,
// freestanding.
#pragma once

#include "cpu.hpp"

namespace {

using gatecrash::abi::Frame;

constexpr uint64_t reschedule = 1;  // a bit of exit_work

/// Whether the CPU does the kernel's or the user's work, or none, for those who care (RCU, time accounting).
enum class Context : uint64_t { user, kernel, idle };
#ifdef MIGRATES
/// The first CPU does not track that, and always says it is the kernel's; the one that tasks migrate to does.
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
/// Bodies that run now and whose context is the kernel's until they end, and no longer.
uint64_t borrowed_contexts = 0;

#ifdef SOFT_CONTEXT
constexpr bool gives_context_back = true;
#else
constexpr bool gives_context_back = false;
#endif

/// A machine check has come whose bank is to be read and cleared. It may come behind the last look at exit_work, so it
/// is none of that: a kernel would send itself an interrupt.
bool has_machine_check = false;

/// Whether the idle loop was interrupted.
INLINED bool is_idle([[maybe_unused]] const Frame* frame) {
#ifdef IDLES
    return frame->rip >= reinterpret_cast<uint64_t>(idle_loop) &&
           frame->rip < reinterpret_cast<uint64_t>(idle_loop_end);
#else
    return false;
#endif
}

/// On the way in from user code: before anything that looks at the context.
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
    // Only here, off the IST stack: from now on the next one may come.
    if (has_machine_check) {
        has_machine_check = false;
        clear_machine_check();
    }
    if (is_tracked) context = Context::user;
}

/// On the way out to it, interrupts off: whoever comes between the last look at exit_work and user code would be
/// missed.
#ifndef exit_to_user
INLINED void exit_to_user() {
    do_exit_work();
    leave_kernel();
}
#endif

/// The same for an exception or interrupt, before which the context was `found`.
#ifndef exit_from_exception
INLINED void exit_from_exception(Context) { exit_to_user(); }
#endif

/// Whether what interrupted the kernel in that context has to make it the kernel's.
#ifndef has_to_borrow
INLINED bool has_to_borrow(Context found) { return idles && found == Context::idle; }
#endif

/// The context over the body of an exception or interrupt. Entered from user code it is the kernel's; from the kernel
/// it is that already, since no entry takes one before it has changed, and no exit after: so CS tells which. With
/// SOFT_CONTEXT it is not relied on: what is found is given back. What interrupts the idle loop has to do so in either
/// design.
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

/// Whatever the context was.
#ifndef borrow_context
INLINED void borrow_context(const Frame*) { context = Context::kernel; }
#endif

/// The context over a body that may have come anywhere, in the middle of an entry or exit.
struct BorrowedContext {
    INLINED explicit BorrowedContext(const Frame* frame) { borrow_context(frame); }
    INLINED ~BorrowedContext() { context = found; }
    Context found = context;
};

/// A page may have to be fetched, and so a page fault may wait, but for one of the idle loop. Other tasks run
/// meanwhile.
INLINED void wait_for_page([[maybe_unused]] const Frame* frame) {
#ifdef MIGRATES
    if (is_from_user(frame)) is_tracked = true;
#endif
    // They enter and leave the kernel, and the context with it.
    if (idles && !is_idle(frame) && borrowed_contexts != 0)
        log_broken(10, GATECRASH_VECTOR_PF, frame, borrowed_contexts);
}

}  // namespace
