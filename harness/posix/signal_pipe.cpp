#include "posix/signal_pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace gatecrash::posix {

namespace {

std::atomic<int> pipe_end{-1};

void on_signal(int number) {
    const int error = errno;
    const auto byte = static_cast<unsigned char>(number);
    [[maybe_unused]] const auto put = ::write(pipe_end, &byte, 1);
    errno = error;
}

}  // namespace

SignalPipe::SignalPipe(std::initializer_list<int> numbers) : pipe_(make_pipe(O_NONBLOCK)) {
    pipe_end = pipe_.write.get();
    const auto handle = [this](int number, void (*handler)(int)) {
        struct sigaction action {};
        action.sa_handler = handler;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        ::sigaction(number, nullptr, &before_[number]);
        if (before_[number].sa_handler != SIG_IGN) ::sigaction(number, &action, nullptr);
    };
    for (const int number : numbers) handle(number, on_signal);
    handle(SIGPIPE, SIG_IGN);
}

SignalPipe::~SignalPipe() {
    for (const auto& [number, action] : before_) ::sigaction(number, &action, nullptr);
    pipe_end = -1;
}

std::optional<int> SignalPipe::next() const {
    unsigned char byte = 0;
    if (::read(pipe_.read.get(), &byte, 1) != 1) return std::nullopt;
    return byte;
}

}  // namespace gatecrash::posix
