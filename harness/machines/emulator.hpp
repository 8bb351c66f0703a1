// A running machine and the connection to its agent.
#pragma once

#include <poll.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machines/file_window.hpp"
#include "machines/initramfs.hpp"
#include "machines/protocol.hpp"
#include "machines/run.hpp"
#include "posix/child_process.hpp"
#include "posix/file_descriptor.hpp"
#include "posix/signal_pipe.hpp"

namespace gatecrash::machines {

using Clock = std::chrono::steady_clock;

/// Thrown if a signal asks this process to end while a machine is starting.
struct Interrupted {
    int number;
};

/// Everything that a machine needs to start.
struct StartRequest {
    const MachineFiles& files;
    const std::vector<std::filesystem::path>& libraries;  ///< libraries that every program inside may load
    /// Files that the program to run needs in addition. A machine that boots with these files removes them from here.
    /// The rest is sent to its agent.
    InsideFiles& inside;
    posix::SignalPipe& signals;
};

/// The properties of a machine that are known before it runs.
struct EmulatorTraits {
    std::string name;  ///< the machine's name, for messages
    /// The number of bytes that may be on their way to the agent. It is set for a connection that loses bytes which
    /// come faster than the agent reads. The agent then reports what it has read.
    std::optional<std::size_t> window;
    std::string silence;  ///< a possible reason for the machine's silence, for messages; empty if none is known
};

/// This process's ends of the connection to the agent.
struct AgentConnection {
    posix::FileDescriptor to;
    posix::FileDescriptor from;
};

/// A machine whose emulator has been started.
class Emulator {
  public:
    Emulator(EmulatorTraits traits, AgentConnection agent, std::unique_ptr<posix::ChildProcess> process);
    Emulator(const Emulator&) = delete;
    Emulator& operator=(const Emulator&) = delete;
    Emulator(Emulator&&) = delete;
    Emulator& operator=(Emulator&&) = delete;
    virtual ~Emulator() = default;

    const EmulatorTraits& traits() const { return traits_; }

    /// Queues a frame for the agent; poll() sends it.
    void send(Message message, std::string_view payload = {}) { append_frame(unsent_.tail(), message, payload); }
    /// Returns how many bytes are queued and not sent yet.
    std::size_t unsent() const { return unsent_.size(); }

    /// Moves bytes until something happens: a frame comes, one of `others` is ready (its revents are set), or `timeout`
    /// is over. With `listening` false it reads nothing from the agent. Throws MachineError if the emulator has ended.
    void poll(std::vector<pollfd>& others, std::chrono::milliseconds timeout, bool listening = true);

    /// Returns when the last bytes came from the agent, even if they only say what it has read.
    [[nodiscard]] Clock::time_point heard() const { return heard_; }

    /// Returns the next frame that came. Empty if there is none.
    std::optional<Frame> next_frame();

    /// Waits for `wanted`, and returns its payload. Throws MachineError if the agent sends anything else first, or if
    /// `limit` is over. Throws Interrupted if a signal asks this process to end.
    std::string wait_for(Message wanted, std::chrono::seconds limit, posix::SignalPipe& signals);

    /// Makes the agent set the machine's clock to this host's time, and waits for its answer.
    void set_clock(std::chrono::seconds limit, posix::SignalPipe& signals);

    /// Returns the memory through which input files go; null if the machine has none.
    virtual FileWindow* window() { return nullptr; }

    /// Returns `what`, followed by the last lines of the machine's console.
    std::string with_console(const std::string& what);

  protected:
    /// Returns what the emulator itself and the machine's console have printed: all of it, or the end.
    virtual std::string console();
    /// Returns what else to say about a failure, such as where to read on.
    virtual std::string where_to_read_on() { return {}; }

  private:
    std::size_t may_send() const;
    void read_agent();
    void write_agent();
    void read_output();
    [[noreturn]] void throw_ended();

    EmulatorTraits traits_;
    AgentConnection agent_;
    std::unique_ptr<posix::ChildProcess> process_;
    ByteQueue unsent_;
    std::size_t on_its_way_ = 0;  ///< bytes that were sent and that the agent has not read (only with a window)
    std::string output_;          ///< the end of what the emulator printed
    FrameReader reader_;
    Clock::time_point heard_ = Clock::now();
};

}  // namespace gatecrash::machines
