#include "support/command.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "posix/argument_list.hpp"
#include "posix/pipe.hpp"

namespace gatecrash::machines {

namespace fs = std::filesystem;

namespace {

/// Appends all bytes that `fd` has now, and closes it at the end of the stream.
void drain(posix::FileDescriptor& fd, std::string& text) {
    std::array<char, 65536> bytes{};
    const auto got = ::read(fd.get(), bytes.data(), bytes.size());
    if (got > 0) {
        text.append(bytes.data(), static_cast<std::size_t>(got));
    } else {
        fd.reset();
    }
}

}  // namespace

Command::Command(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment,
                 int terminal, int input) {
    auto out = posix::make_pipe();
    auto err = posix::make_pipe();
    std::vector<std::string> copies = arguments;
    const auto argv = posix::pointers(copies);
    pid_ = ::fork();
    if (pid_ == 0) {
        (void)std::signal(SIGINT, SIG_DFL);  // a test in the background inherits SIG_IGN
        if (input >= 0) ::dup2(input, STDIN_FILENO);
        ::dup2(out.write.get(), STDOUT_FILENO);
        ::dup2(terminal >= 0 ? terminal : err.write.get(), STDERR_FILENO);
        for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
        ::execvp(argv[0], argv.data());
        ::_exit(127);
    }
    out_ = std::move(out.read);
    err_ = std::move(err.read);
}

Command::~Command() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void Command::signal(int number) const { ::kill(pid_, number); }

bool Command::read_some(Clock::time_point deadline) {
    std::array<pollfd, 2> fds = {
        {{.fd = out_.get(), .events = POLLIN, .revents = 0}, {.fd = err_.get(), .events = POLLIN, .revents = 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
    if (fds[0].revents != 0) drain(out_, result_.out);
    if (fds[1].revents != 0) drain(err_, result_.err);
    return true;
}

void Command::wait_for_output(const std::string& text) {
    const auto deadline = Clock::now() + patience;
    while (out_ && result_.out.find(text) == std::string::npos && read_some(deadline)) {
    }
    EXPECT_NE(result_.out.find(text), std::string::npos)
        << "no \"" << text << "\" in: " << result_.out << "\n and on standard error: " << result_.err;
}

Result Command::finish() {
    const auto deadline = Clock::now() + patience;
    while (out_ || err_) {
        if (read_some(deadline)) continue;
        ADD_FAILURE() << "still running after " << patience.count() << " minutes, having said: " << result_.out
                      << result_.err;
        ::kill(pid_, SIGKILL);
        break;
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    result_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result_;
}

std::vector<std::string> machine_run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), MACHINE_RUN);
    return arguments;
}

Result run_machine(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment) {
    return Command(machine_run(arguments), environment).finish();
}

namespace {

/// The start of /proc/PID/stat: PID (NAME) STATE PARENT.
struct Stat {
    pid_t pid = 0, parent = 0;
    std::string name;
};

Stat read_stat(const fs::path& folder) {
    std::ifstream file(folder / "stat");
    Stat stat;
    std::string state;
    file >> stat.pid >> stat.name >> state >> stat.parent;
    return stat;
}

bool is_emulator(const std::string& name) { return name.starts_with("(qemu-system") || name.starts_with("(bochs-bin"); }

}  // namespace

std::vector<pid_t> emulators_of(pid_t ancestor) {
    std::map<pid_t, pid_t> parents;
    std::vector<pid_t> emulators, found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        const auto stat = read_stat(entry.path());
        parents[stat.pid] = stat.parent;
        if (is_emulator(stat.name)) emulators.push_back(stat.pid);
    }
    for (const auto emulator : emulators) {
        auto above = parents[emulator];
        while (above > 1 && above != ancestor) above = parents[above];
        if (above == ancestor) found.push_back(emulator);
    }
    return found;
}

pid_t parent_of(pid_t pid) { return read_stat(fs::path("/proc") / std::to_string(pid)).parent; }

TemporaryFolder::TemporaryFolder() {
    std::string name = testing::TempDir() + "/machine-XXXXXX";
    path_ = ::mkdtemp(name.data());
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::string TemporaryFolder::file(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name) << content;
    return (path_ / name).string();
}

}  // namespace gatecrash::machines
