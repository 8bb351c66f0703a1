#include "machines/emulator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "machines/machine_error.hpp"
#include "posix/error.hpp"

namespace gatecrash::machines {

namespace {

/// The bytes of the console that are kept, and the lines of it that an error shows.
constexpr std::size_t console_kept = 16U << 10;
constexpr int console_lines = 60;

}  // namespace

Emulator::Emulator(EmulatorTraits traits, AgentConnection agent, std::unique_ptr<posix::ChildProcess> process)
    : traits_(std::move(traits)), agent_(std::move(agent)), process_(std::move(process)) {
    for (const int fd : {agent_.to.get(), agent_.from.get()}) {
        ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
}

void Emulator::poll(std::vector<pollfd>& others, std::chrono::milliseconds timeout, bool listening) {
    std::vector<pollfd> fds = others;
    const auto first = fds.size();
    const auto reading = static_cast<short>(listening ? POLLIN : 0);
    const auto writing = static_cast<short>(may_send() != 0 ? POLLOUT : 0);
    fds.push_back({.fd = agent_.from.get(), .events = reading, .revents = 0});
    fds.push_back({.fd = agent_.to.get(), .events = writing, .revents = 0});
    fds.push_back({.fd = process_->output(), .events = POLLIN, .revents = 0});
    fds.push_back({.fd = process_->pidfd(), .events = POLLIN, .revents = 0});
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
    if (ready < 0 && errno != EINTR) posix::throw_errno("poll");
    for (std::size_t i = 0; i < first; ++i) others[i].revents = ready > 0 ? fds[i].revents : short{0};
    if (ready <= 0) return;
    if ((fds[first + 1].revents & POLLOUT) != 0) write_agent();
    if (listening && (fds[first].revents & (POLLIN | POLLHUP)) != 0) read_agent();
    if (fds[first + 2].revents != 0) read_output();
    // Looks at this last, so that frames sent just before the end are seen first.
    if (fds[first + 3].revents != 0 && (fds[first].revents & POLLIN) == 0) throw_ended();
}

std::optional<Frame> Emulator::next_frame() {
    try {
        while (auto frame = reader_.next()) {
            if (frame->message != Message::received) return frame;
            on_its_way_ -= std::min<std::size_t>(on_its_way_, PayloadReader(frame->payload).u32());
        }
        return std::nullopt;
    } catch (const ProtocolError& error) {
        throw MachineError(with_console(
            fmt::format("the agent in the {} machine sent an invalid message: {}", traits_.name, error.what())));
    }
}

std::string Emulator::wait_for(Message wanted, std::chrono::seconds limit, posix::SignalPipe& signals) {
    const auto deadline = Clock::now() + limit;
    std::vector<pollfd> others = {{.fd = signals.fd(), .events = POLLIN, .revents = 0}};
    for (;;) {
        if (auto frame = next_frame()) {
            if (frame->message == wanted) return std::move(frame->payload);
            throw MachineError(
                with_console(fmt::format("the {} machine did not become ready: {}", traits_.name, frame->payload)));
        }
        while (const auto number = signals.next()) {
            if (*number != SIGWINCH) throw Interrupted{*number};
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) {
            throw MachineError(with_console(
                fmt::format("the {} machine did not become ready within {} s", traits_.name, limit.count())));
        }
        poll(others, left);
    }
}

void Emulator::set_clock(std::chrono::seconds limit, posix::SignalPipe& signals) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    send(Message::hello, PayloadWriter().u64(static_cast<std::uint64_t>(nanoseconds)).take());
    wait_for(Message::ready, limit, signals);
}

std::size_t Emulator::may_send() const {
    if (!traits_.window) return unsent_.size();
    return std::min(unsent_.size(), *traits_.window - std::min(*traits_.window, on_its_way_));
}

void Emulator::write_agent() {
    const auto put = ::write(agent_.to.get(), unsent_.waiting().data(), may_send());
    if (put <= 0) return;
    unsent_.consume(static_cast<std::size_t>(put));
    if (traits_.window) on_its_way_ += static_cast<std::size_t>(put);
}

void Emulator::read_agent() {
    std::array<char, chunk_size> bytes{};
    const auto got = ::read(agent_.from.get(), bytes.data(), bytes.size());
    if (got > 0) {
        heard_ = Clock::now();
        reader_.feed({bytes.data(), static_cast<std::size_t>(got)});
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        throw_ended();
    }
}

void Emulator::read_output() {
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::read(process_->output(), bytes.data(), bytes.size())) > 0;) {
        output_.append(bytes.data(), static_cast<std::size_t>(got));
        if (output_.size() > 2 * console_kept) output_.erase(0, output_.size() - console_kept);
    }
}

void Emulator::throw_ended() {
    // An emulator closes the connection shortly before it ends, so what it says about the reason may still be on its
    // way.
    pollfd end{.fd = process_->pidfd(), .events = POLLIN, .revents = 0};
    ::poll(&end, 1, 500);
    throw MachineError(with_console(fmt::format("the emulator of the {} machine ended", traits_.name)));
}

std::string Emulator::console() {
    read_output();
    return output_;
}

std::string Emulator::with_console(const std::string& what) {
    std::string text;
    for (const char c : console()) {
        if (c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= ' ') text += c;
    }
    while (!text.empty() && text.back() == '\n') text.pop_back();
    if (text.empty()) return what + " (its console is empty)" + where_to_read_on();
    auto start = text.size();
    for (int line = 0; line < console_lines && start != std::string::npos && start > 0; ++line) {
        start = text.rfind('\n', start - 1);
    }
    return what + "; its last console lines:\n" + text.substr(start == std::string::npos ? 0 : start + 1) +
           where_to_read_on();
}

}  // namespace gatecrash::machines
