// Programs that this one starts: an emulator, a tool that makes a file for one, a worker.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "posix/file_descriptor.hpp"

namespace gatecrash::posix {

/// A descriptor that a child gets under a number that both sides know. It stays the caller's.
struct HandedDescriptor {
    int as;
    int fd;
};

/// Returns the path by which a child that wants a path finds the descriptor with that number.
[[nodiscard]] std::string handed_path(int as);

/// Looks for the program `name` in PATH. Empty if no folder has it.
[[nodiscard]] std::optional<std::filesystem::path> find_program(const std::string& name);

/// How a program ended, and what it printed.
struct Ended {
    int code;  ///< its exit code, or 128+n if signal n ended it
    std::string output;
};

/// A running program. It dies with this object, and with the thread that made it, however that ends.
class ChildProcess {
  public:
    /// Starts `program`. Its standard input is empty, and its standard output and standard error are output(), unless
    /// `fds` has others for them (at most 8 in all). `environment` holds NAME=VALUE, and replaces all variables;
    /// without it the child has those of this process. A program that cannot be executed ends with code 127. Throws
    /// std::system_error if no process can be made.
    ChildProcess(const std::filesystem::path& program, std::vector<std::string> arguments,
                 const std::vector<HandedDescriptor>& fds = {},
                 std::optional<std::vector<std::string>> environment = std::nullopt);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ChildProcess(ChildProcess&&) = delete;
    ChildProcess& operator=(ChildProcess&&) = delete;
    ~ChildProcess();

    /// Returns a descriptor that becomes readable when the program ends.
    [[nodiscard]] int pidfd() const { return pidfd_.get(); }
    /// Returns what gives its standard output and standard error. Non-blocking.
    [[nodiscard]] int output() const { return output_.get(); }
    /// Sends it a signal, unless finish() has returned.
    void signal(int number) const;
    /// Reads all output that is still to come, and waits for the end. Throws std::system_error.
    Ended finish();

  private:
    pid_t pid_ = -1;
    FileDescriptor pidfd_;
    FileDescriptor output_;
};

}  // namespace gatecrash::posix
