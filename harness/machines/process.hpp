// Programs that this one starts: an emulator, a tool that makes a file for one, or a worker.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machines/file.hpp"

namespace gatecrash::machines {

/// A descriptor to hand to a child, under a number that both know; stays the caller's.
struct HandedFd {
    int as;
    int fd;
};

/// Where a child finds what it was handed, for a program that wants a path.
std::string handed_path(int as);

/// The program `name` as found in PATH.
std::optional<std::filesystem::path> find_program(const std::string& name);

/// A file without a name, which goes with the last process that has it open.
Fd memory_file(const char* name, std::string_view content = {});

/// A running program. Dies with this object, and with the thread that made it, however that ends.
class ChildProcess {
  public:
    /// Standard input is empty, and standard output and standard error are output(), unless `fds` has others for them.
    /// `environment` holds NAME=VALUE, and is what the child has of variables; without it the child has this process's.
    ChildProcess(const std::filesystem::path& program, std::vector<std::string> arguments,
                 const std::vector<HandedFd>& fds = {},
                 std::optional<std::vector<std::string>> environment = std::nullopt);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ChildProcess(ChildProcess&&) = delete;
    ChildProcess& operator=(ChildProcess&&) = delete;
    ~ChildProcess();

    /// Becomes readable when the program ends.
    int pidfd() const { return pidfd_.get(); }
    /// Non-blocking; its standard output and standard error.
    int output() const { return output_.get(); }
    /// Sends it a signal, if it was not waited for yet.
    void signal(int number) const;
    /// Reads all output until there is none to come, and waits. The exit code is 0 for success.
    struct Ended {
        int code;
        std::string output;
    };
    Ended finish();

  private:
    pid_t pid_ = -1;
    Fd pidfd_;
    Fd output_;
};

}  // namespace gatecrash::machines
