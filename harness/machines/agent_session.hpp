// The agent's conversation with the outside, and the one program that the agent runs.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machines/agent_port.hpp"
#include "machines/agent_stall.hpp"
#include "machines/agent_window.hpp"
#include "machines/protocol.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

/// One standard stream of the program: a pipe or, where the outside has a terminal, a pseudo-terminal.
struct ChildStream {
    posix::FileDescriptor ours;
    posix::FileDescriptor theirs;
    bool terminal = false;
};

class AgentSession {
  public:
    /// `stall` is only for a machine whose guests can keep the CPU (agent_stall.hpp).
    explicit AgentSession(std::unique_ptr<Port> port, std::optional<StallBreaker> stall);

    /// Queues a frame.
    void send(Message message, std::string_view payload = {});
    /// Serves until the machine is switched off.
    [[noreturn]] void serve();

  private:
    /// Handles a frame, and reports what fails. Throws ProtocolError for one that the other side cannot have sent.
    void take(const Frame& frame);
    void handle(const Frame& frame);
    void begin_file(PayloadReader& payload);
    /// Fills the file that begin_file() made.
    void copy_pieces(PayloadReader& payload);
    void run(const RunRequest& request);
    void resize(std::uint32_t rows, std::uint32_t columns);
    /// Writes to the program's standard input what that takes now.
    void feed();
    /// Forwards what the program wrote. Returns false if there is nothing now, or never again.
    bool forward(Stream stream);
    void reap();
    /// Sends the last output, the files and the exit code of the program, which has ended.
    void finish();
    void send_file(const std::string& path);
    void read_port();
    void flush();
    /// Waits until something can be done.
    void wait();

    std::unique_ptr<Port> port_;
    std::optional<StallBreaker> stall_;
    posix::FileDescriptor signals_;
    FrameReader reader_;
    ByteQueue unsent_;
    /// Holds a byte for the Stream, then what was read. It is made only once: an emulated CPU takes milliseconds to
    /// fill 64 KiB.
    std::vector<char> buffer_ = std::vector<char>(1 + chunk_size);
    AgentWindow window_;
    posix::FileDescriptor upload_;
    std::uint64_t upload_left_ = 0;
    ByteQueue input_;  ///< bytes for the program, at most input_window
    bool input_ended_ = false;
    ChildStream input_stream_;
    std::array<ChildStream, 2> streams_;
    std::vector<std::string> outputs_;
    pid_t child_ = 0;
    std::optional<int> exit_code_;
};

}  // namespace gatecrash::machines
