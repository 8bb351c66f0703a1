#include "worker/interrupt.hpp"

#include <array>
#include <csignal>

namespace gatecrash::worker {
namespace {

constexpr std::array<int, 2> caught{SIGINT, SIGTERM};

std::atomic<bool> stop_asked{false};
std::atomic<int> asked_by{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void ask_to_stop(int number) {
    asked_by.store(number);
    stop_asked.store(true);
}

}  // namespace

InterruptGuard::InterruptGuard() {
    for (const int number : caught) {
        struct sigaction old {};
        sigaction(number, nullptr, &old);
        if (old.sa_handler == SIG_IGN) continue;
        struct sigaction action {};
        action.sa_handler = ask_to_stop;
        action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
        sigaction(number, &action, nullptr);
    }
}

InterruptGuard::~InterruptGuard() {
    for (const int number : caught) {
        struct sigaction old {};
        sigaction(number, nullptr, &old);
        if (old.sa_handler == ask_to_stop) (void)std::signal(number, SIG_DFL);
    }
}

const std::atomic<bool>& InterruptGuard::stop() { return stop_asked; }

int InterruptGuard::signal_number() { return asked_by.load(); }

}  // namespace gatecrash::worker
