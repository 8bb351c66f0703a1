#include "machines/signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace gatecrash::machines {

namespace {

std::atomic<int> pipe_end{-1};

void on_signal(int number) {
    const int error = errno;
    const auto byte = static_cast<unsigned char>(number);
    [[maybe_unused]] const auto put = ::write(pipe_end, &byte, 1);
    errno = error;
}

}  // namespace

SignalPipe::SignalPipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw_errno("pipe2");
    read_end_ = Fd(ends[0]);
    write_end_ = Fd(ends[1]);
    pipe_end = ends[1];
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGPIPE}) {
        struct sigaction action {};
        action.sa_handler = number == SIGPIPE ? SIG_IGN : on_signal;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        ::sigaction(number, nullptr, &before_[number]);
        if (before_[number].sa_handler != SIG_IGN) ::sigaction(number, &action, nullptr);
    }
}

SignalPipe::~SignalPipe() {
    for (const auto& [number, action] : before_) ::sigaction(number, &action, nullptr);
    pipe_end = -1;
}

std::optional<int> SignalPipe::next() {
    unsigned char byte = 0;
    if (::read(read_end_.get(), &byte, 1) != 1) return std::nullopt;
    return byte;
}

}  // namespace gatecrash::machines
