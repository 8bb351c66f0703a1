// Runs a program at the user's terminal, such as a debugger.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "posix/file_descriptor.hpp"

namespace gatecrash::posix {

/// A program with this process's standard streams, in its process group. Ctrl-C at the terminal reaches both. So this
/// process ignores SIGINT from the constructor on: the program decides what Ctrl-C means. The destructor ends the
/// program with SIGTERM if it still runs.
class ForegroundProcess {
  public:
    /// Throws std::system_error if the program cannot be started.
    ForegroundProcess(const std::filesystem::path& program, std::vector<std::string> arguments);
    ForegroundProcess(const ForegroundProcess&) = delete;
    ForegroundProcess& operator=(const ForegroundProcess&) = delete;
    ForegroundProcess(ForegroundProcess&&) = delete;
    ForegroundProcess& operator=(ForegroundProcess&&) = delete;
    ~ForegroundProcess();

    /// Returns a descriptor that becomes readable when the program ends.
    [[nodiscard]] int pidfd() const { return pidfd_.get(); }
    /// Waits for the program to end.
    void wait();

  private:
    pid_t pid_ = -1;
    FileDescriptor pidfd_;
};

}  // namespace gatecrash::posix
