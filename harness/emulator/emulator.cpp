#include "emulator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "gatecrash/emulator/machine_error.hpp"

namespace gatecrash::emulator {

namespace {

/// How much of the console is kept, and how many lines of it an error shows.
constexpr std::size_t console_kept = 16U << 10;
constexpr int console_lines = 60;

std::vector<HandedFd> with_connections(std::vector<HandedFd> fds, const Fd& agent, const Fd& monitor) {
    fds.push_back({QemuFd::agent, agent.get()});
    fds.push_back({QemuFd::monitor, monitor.get()});
    return fds;
}

}  // namespace

std::pair<Fd, Fd> socket_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw_errno("socketpair");
    return {Fd(ends[0]), Fd(ends[1])};
}

Emulator::Emulator(const std::filesystem::path& qemu, std::vector<std::string> arguments, std::vector<HandedFd> fds)
    : Emulator(qemu, std::move(arguments), std::move(fds), socket_pair(), socket_pair()) {}

Emulator::Emulator(const std::filesystem::path& qemu, std::vector<std::string> arguments, std::vector<HandedFd> fds,
                   Ends agent, Ends monitor)
    : agent_(std::move(agent.first)),
      monitor_(std::move(monitor.first)),
      process_(qemu, std::move(arguments), with_connections(std::move(fds), agent.second, monitor.second)) {
    ::fcntl(agent_.get(), F_SETFL, O_NONBLOCK);
}

void Emulator::poll(std::vector<pollfd>& others, std::chrono::milliseconds timeout, bool listening) {
    std::vector<pollfd> fds = others;
    const auto first = fds.size();
    const auto events = (listening ? POLLIN : 0) | (unsent_.empty() ? 0 : POLLOUT);
    fds.push_back({.fd = agent_.get(), .events = static_cast<short>(events), .revents = 0});
    fds.push_back({.fd = process_.console(), .events = POLLIN, .revents = 0});
    fds.push_back({.fd = process_.pidfd(), .events = POLLIN, .revents = 0});
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
    if (ready < 0 && errno != EINTR) throw_errno("poll");
    for (std::size_t i = 0; i < first; ++i) others[i].revents = ready > 0 ? fds[i].revents : short{0};
    if (ready <= 0) return;
    if ((fds[first].revents & POLLOUT) != 0) write_agent();
    if (listening && (fds[first].revents & (POLLIN | POLLHUP)) != 0) read_agent();
    if (fds[first + 1].revents != 0) read_console();
    // Last, so that frames sent just before the end are seen first.
    if (fds[first + 2].revents != 0 && (fds[first].revents & POLLIN) == 0) throw_ended();
}

std::optional<Frame> Emulator::next_frame() {
    try {
        return reader_.next();
    } catch (const ProtocolError& error) {
        throw MachineError(with_console(fmt::format("the agent in the amd machine talks nonsense: {}", error.what())));
    }
}

std::string Emulator::wait_for(Message wanted, std::chrono::seconds limit) {
    const auto deadline = Clock::now() + limit;
    std::vector<pollfd> none;
    for (;;) {
        if (auto frame = next_frame()) {
            if (frame->message == wanted) return std::move(frame->payload);
            throw MachineError(with_console("the amd machine did not get ready: " + frame->payload));
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) {
            throw MachineError(
                with_console(fmt::format("the amd machine did not get ready within {} s", limit.count())));
        }
        poll(none, left);
    }
}

void Emulator::save_devices(int fd) { with_monitor(&Monitor::save_devices, fd); }
void Emulator::restore_devices(int fd) { with_monitor(&Monitor::restore_devices, fd); }

void Emulator::with_monitor(void (Monitor::*action)(int), int fd) {
    try {
        Monitor monitor(monitor_.get());
        (monitor.*action)(fd);
    } catch (const MachineError& error) {
        throw MachineError(with_console(error.what()));
    }
}

void Emulator::write_agent() {
    const auto put = ::send(agent_.get(), unsent_.waiting().data(), unsent_.size(), MSG_NOSIGNAL);
    if (put > 0) unsent_.consume(static_cast<std::size_t>(put));
}

void Emulator::read_agent() {
    std::array<char, chunk_size> bytes{};
    const auto got = ::read(agent_.get(), bytes.data(), bytes.size());
    if (got > 0) {
        reader_.feed({bytes.data(), static_cast<std::size_t>(got)});
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        throw_ended();
    }
}

void Emulator::read_console() {
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::read(process_.console(), bytes.data(), bytes.size())) > 0;) {
        console_.append(bytes.data(), static_cast<std::size_t>(got));
        if (console_.size() > 2 * console_kept) console_.erase(0, console_.size() - console_kept);
    }
}

void Emulator::throw_ended() {
    // QEMU closes the connection shortly before it ends: what it says about the reason may still be on its way.
    pollfd end{.fd = process_.pidfd(), .events = POLLIN, .revents = 0};
    ::poll(&end, 1, 500);
    throw MachineError(with_console("the emulator of the amd machine ended"));
}

std::string Emulator::with_console(const std::string& what) {
    read_console();
    std::string text;
    for (const char c : console_) {
        if (c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= ' ') text += c;
    }
    while (!text.empty() && text.back() == '\n') text.pop_back();
    if (text.empty()) return what + " (its console is empty)";
    auto start = text.size();
    for (int line = 0; line < console_lines && start != std::string::npos && start > 0; ++line) {
        start = text.rfind('\n', start - 1);
    }
    return what + "; its last console lines:\n" + text.substr(start == std::string::npos ? 0 : start + 1);
}

}  // namespace gatecrash::emulator
