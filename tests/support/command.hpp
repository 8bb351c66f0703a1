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

/// What a command did.
struct Result {
    int code = 0;  ///< exit code, 128+n for death by signal n
    std::string out;
    std::string err;
};

/// How long a command may take. Far more than any does, be the host as busy as it may: it tells one that hangs by name.
constexpr std::chrono::minutes patience{20};

/// A command that runs. Killed when it is still running at the end of its scope.
class Command {
  public:
    /// Standard error goes to a pipe, or to `terminal` when that is not negative; standard input comes from `input`, or
    /// is this process's when that is negative.
    explicit Command(const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& environment = {}, int terminal = -1, int input = -1);
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;
    Command(Command&&) = delete;
    Command& operator=(Command&&) = delete;
    ~Command();

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    /// Reads standard output up to and with `text`; fails the test if that takes too long.
    void wait_for_output(const std::string& text);
    /// Waits for the end; fails the test, and kills it, if that takes too long.
    Result finish();

  private:
    using Clock = std::chrono::steady_clock;
    /// Reads what there is on either stream, waiting for it; false when the time is up.
    bool read_some(Clock::time_point deadline);

    pid_t pid_ = -1;
    posix::FileDescriptor out_;
    posix::FileDescriptor err_;
    Result result_;
};

/// machine-run ARGUMENT...
std::vector<std::string> machine_run(std::vector<std::string> arguments);

/// Runs machine-run to its end.
Result run_machine(const std::vector<std::string>& arguments,
                   const std::map<std::string, std::string>& environment = {});

/// The processes named like QEMU or Bochs below `ancestor`.
std::vector<pid_t> emulators_of(pid_t ancestor);
/// The process that started `pid`, or 0 if that has ended.
pid_t parent_of(pid_t pid);

/// A folder that goes with its object.
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
