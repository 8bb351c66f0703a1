// A running machine and the connection to its agent.
#pragma once

#include <poll.h>

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "gatecrash/emulator/file.hpp"
#include "gatecrash/emulator/protocol.hpp"
#include "monitor.hpp"
#include "qemu.hpp"

namespace gatecrash::emulator {

using Clock = std::chrono::steady_clock;

/// A connected pair of stream sockets, both closed on exec.
std::pair<Fd, Fd> socket_pair();

class Emulator {
  public:
    /// Starts QEMU. `fds` lacks the connections to agent and monitor, which are made here.
    Emulator(const std::filesystem::path& qemu, std::vector<std::string> arguments, std::vector<HandedFd> fds);

    /// Queues a frame for the agent; poll() sends it.
    void send(Message message, std::string_view payload = {}) { append_frame(unsent_.tail(), message, payload); }
    /// Bytes queued and not sent yet.
    std::size_t unsent() const { return unsent_.size(); }

    /// Moves bytes until something happened: a frame came, one of `others` is ready (its revents are set), or `timeout`
    /// is over. With `listening` false nothing is read from the agent. Throws MachineError when QEMU has ended.
    void poll(std::vector<pollfd>& others, std::chrono::milliseconds timeout, bool listening = true);

    /// The next frame that came.
    std::optional<Frame> next_frame();

    /// Monitor::save_devices and Monitor::restore_devices, with the console in the error.
    void save_devices(int fd);
    void restore_devices(int fd);

    /// Waits for `wanted`; anything else the agent sends first is an error, as is silence for `limit`.
    std::string wait_for(Message wanted, std::chrono::seconds limit);

    /// `what`, followed by the last lines of the machine's console.
    std::string with_console(const std::string& what);

  private:
    /// A near end, ours, and a far end, QEMU's alone once it runs.
    using Ends = std::pair<Fd, Fd>;
    Emulator(const std::filesystem::path& qemu, std::vector<std::string> arguments, std::vector<HandedFd> fds,
             Ends agent, Ends monitor);
    void read_agent();
    void write_agent();
    void read_console();
    [[noreturn]] void throw_ended();
    void with_monitor(void (Monitor::*action)(int), int fd);

    Fd agent_;
    Fd monitor_;
    QemuProcess process_;
    ByteQueue unsent_;
    std::string console_;
    FrameReader reader_;
};

}  // namespace gatecrash::emulator
