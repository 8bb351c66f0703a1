// A running machine and the connection to its agent.
#pragma once

#include <poll.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machines/initramfs.hpp"
#include "machines/protocol.hpp"
#include "machines/run.hpp"
#include "posix/child_process.hpp"
#include "posix/file_descriptor.hpp"
#include "posix/signal_pipe.hpp"

namespace gatecrash::machines {

using Clock = std::chrono::steady_clock;

/// A signal that asked this process to end while a machine was starting.
struct Interrupted {
    int number;
};

/// What a machine is started with.
struct StartRequest {
    const MachineFiles& files;
    const std::vector<std::filesystem::path>& libraries;  ///< those that every program inside may load
    /// What the program to run needs beside them. A machine that boots with these files removes them from here; those
    /// that are left are sent to its agent.
    InsideFiles& inside;
    posix::SignalPipe& signals;
};

/// What is known of a machine before it runs.
struct EmulatorTraits {
    std::string name;  ///< of the machine, for messages
    /// How many bytes may be on their way to the agent, for a connection that loses what comes faster than it is read:
    /// the agent then says what it has read.
    std::optional<std::size_t> window;
    std::string silence;  ///< what it may mean that the machine says nothing any more, if anything is known
};

/// The near ends of the connection to the agent.
struct AgentConnection {
    posix::FileDescriptor to;
    posix::FileDescriptor from;
};

/// A machine whose emulator was started.
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
    /// Bytes queued and not sent yet.
    std::size_t unsent() const { return unsent_.size(); }

    /// Moves bytes until something happened: a frame came, one of `others` is ready (its revents are set), or `timeout`
    /// is over. With `listening` false nothing is read from the agent. Throws MachineError when the emulator has ended.
    void poll(std::vector<pollfd>& others, std::chrono::milliseconds timeout, bool listening = true);

    /// When something of the agent's came last, be it only that it has read.
    [[nodiscard]] Clock::time_point heard() const { return heard_; }

    /// The next frame that came.
    std::optional<Frame> next_frame();

    /// Waits for `wanted`; anything else the agent sends first is an error, as is silence for `limit`. Throws
    /// Interrupted when a signal asks this process to end.
    std::string wait_for(Message wanted, std::chrono::seconds limit, posix::SignalPipe& signals);

    /// Has the agent set the machine's clock to this host's time, which it answers.
    void set_clock(std::chrono::seconds limit, posix::SignalPipe& signals);

    /// `what`, followed by the last lines of the machine's console.
    std::string with_console(const std::string& what);

  protected:
    /// What the emulator itself and the machine's console have said: all of it, or the end.
    virtual std::string console();
    /// What more there is to say about a failure, such as where to read on.
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
    std::size_t on_its_way_ = 0;  ///< sent and, if there is a window, not read by the agent
    std::string output_;          ///< the end of what the emulator wrote
    FrameReader reader_;
    Clock::time_point heard_ = Clock::now();
};

}  // namespace gatecrash::machines
