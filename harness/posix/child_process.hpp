// Starts other programs: an emulator, a tool that makes a file for one, a worker.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "posix/file_descriptor.hpp"

namespace gatecrash::posix {

/// A descriptor `fd` that a child inherits under the number `as`, which both sides know. The caller keeps `fd`.
struct HandedDescriptor {
    int as;
    int fd;
};

/// Returns a path under which a child can open its descriptor `as`, for programs that only accept paths.
[[nodiscard]] std::string handed_path(int as);

/// Looks for the program `name` in PATH. Empty if no folder has it.
[[nodiscard]] std::optional<std::filesystem::path> find_program(const std::string& name);

/// The end of a program, and what it printed.
struct Ended {
    int code;  ///< the program's exit code, or 128+n if signal n ended it
    std::string output;
};

/// A running program. It is killed when this object is destroyed, or when the thread that made it ends.
class ChildProcess {
  public:
    /// Starts `program`. Its standard input is empty. Its standard output and standard error are output(), unless `fds`
    /// (at most 8) replaces them. `environment` (NAME=VALUE) replaces all variables; without it, the child inherits
    /// those of this process. A program that cannot be executed ends with code 127. Throws std::system_error if the
    /// process cannot be created.
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
    /// Returns a non-blocking descriptor that gives the program's standard output and standard error.
    [[nodiscard]] int output() const { return output_.get(); }
    /// Sends the program a signal, unless finish() has returned.
    void signal(int number) const;
    /// Reads the rest of the output, and waits for the program to end. Throws std::system_error.
    Ended finish();

  private:
    pid_t pid_ = -1;
    FileDescriptor pidfd_;
    FileDescriptor output_;
};

}  // namespace gatecrash::posix
