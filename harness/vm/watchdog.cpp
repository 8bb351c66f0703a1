#include "vm/watchdog.hpp"

#include <csignal>

namespace gatecrash::vm {
namespace {

/// Returns a signal whose only effect is that KVM_RUN returns EINTR.
int kick_signal() {
    static const int number = [] {
        struct sigaction action {};
        action.sa_handler = [](int) {};
        sigaction(SIGRTMIN, &action, nullptr);
        return SIGRTMIN;
    }();
    return number;
}

}  // namespace

Watchdog::Watchdog(kvm::Vcpu& cpu) : cpu_(cpu) {
    kick_signal();
    // Blocks all signals in the watchdog's thread, so that those to the whole process (Ctrl-C) reach the threads that
    // do the work.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    thread_ = std::thread([this] { watch(); });
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Watchdog::begin_run() {
    runner_.store(pthread_self(), std::memory_order_relaxed);
    run_.fetch_add(1);
}

void Watchdog::end_run() {
    run_.fetch_add(1);
    cpu_.clear_immediate_exit();
}

void Watchdog::watch() {
    std::unique_lock lock(mutex_);
    std::uint64_t seen = 0;
    int ticks = 0;
    while (!wake_.wait_for(lock, tick_.load(), [this] { return stop_; })) {
        const auto run = run_.load();
        ticks = run == seen ? ticks + 1 : 0;
        seen = run;
        if (run % 2 == 0 || ticks < patience) continue;
        // From here on the run may end, and another may begin, at any point. Then that other run returns early while
        // fired() is false, and its caller starts it again.
        fired_.store(run);
        cpu_.request_immediate_exit();
        pthread_kill(runner_.load(std::memory_order_relaxed), kick_signal());
    }
}

}  // namespace gatecrash::vm
