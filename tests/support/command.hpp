// Runs machine-run, or another command, the way a user would.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

/// The exit code and the output of a command.
struct Result {
    int code = 0;  ///< exit code, 128+n for death by signal n
    std::string out;
    std::string err;
};

/// The time limit of a command. It is far above the time that any command takes on a busy host, and names a command
/// that hangs.
constexpr std::chrono::minutes patience{20};

/// A running command. The destructor kills it if it still runs.
class Command {
  public:
    /// Starts the command. Standard error goes to a pipe, or to `terminal` if that is not negative. Standard input
    /// comes from `input`, or from this process if that is negative.
    explicit Command(const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& environment = {}, int terminal = -1, int input = -1);
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;
    Command(Command&&) = delete;
    Command& operator=(Command&&) = delete;
    ~Command();

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    /// Reads standard output until it contains `text`. Fails the test if that takes too long.
    void wait_for_output(const std::string& text);
    /// Waits for the end of the command. Kills it and fails the test if that takes too long.
    Result finish();

  private:
    using Clock = std::chrono::steady_clock;
    /// Waits for output on either stream and reads it. Returns false at the deadline.
    bool read_some(Clock::time_point deadline);

    pid_t pid_ = -1;
    posix::FileDescriptor out_;
    posix::FileDescriptor err_;
    Result result_;
};

/// Returns the command line `machine-run ARGUMENT...`.
std::vector<std::string> machine_run(std::vector<std::string> arguments);

/// Runs machine-run to its end.
Result run_machine(const std::vector<std::string>& arguments,
                   const std::map<std::string, std::string>& environment = {});

/// Returns the descendants of `ancestor` that are named like QEMU or Bochs.
std::vector<pid_t> emulators_of(pid_t ancestor);
/// Returns the parent of the process `pid`, or 0 if `pid` has ended.
pid_t parent_of(pid_t pid);

/// A folder that the destructor removes.
class TemporaryFolder {
  public:
    TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    TemporaryFolder(TemporaryFolder&&) = delete;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;
    ~TemporaryFolder();
    const std::filesystem::path& path() const { return path_; }
    /// Makes a file and returns its path.
    std::string file(const std::string& name, const std::string& content) const;

  private:
    std::filesystem::path path_;
};

}  // namespace gatecrash::machines
