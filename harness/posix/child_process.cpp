#include "posix/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include "posix/argument_list.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"
#include "posix/pipe.hpp"

namespace gatecrash::posix {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_handed = 8;

/// Turns the new process into the program. It makes only calls that are safe between fork and exec, since another
/// thread may have held any lock.
[[noreturn]] void become(const char* path, char* const* argv, char* const* envp,
                         const std::vector<HandedDescriptor>& fds, int output, pid_t parent) {
    // Gives the child a process group of its own. Ctrl-C at a terminal signals the foreground group, so this process
    // decides which signals the child gets.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // the parent died before prctl()
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    // Moves every descriptor above all targets first, so that no dup2() closes one that is still needed.
    std::array<int, most_handed> moved{};
    for (std::size_t i = 0; i < fds.size(); ++i) moved[i] = ::fcntl(fds[i].fd, F_DUPFD_CLOEXEC, 64);
    for (std::size_t i = 0; i < fds.size(); ++i) ::dup2(moved[i], fds[i].as);
    ::execve(path, argv, envp);
    ::_exit(127);
}

}  // namespace

std::string handed_path(int as) { return fmt::format("/proc/self/fd/{}", as); }

std::optional<fs::path> find_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        auto candidate = fs::path(folder) / name;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return std::nullopt;
}

ChildProcess::ChildProcess(const fs::path& program, std::vector<std::string> arguments,
                           const std::vector<HandedDescriptor>& fds,
                           std::optional<std::vector<std::string>> environment) {
    auto [read_end, write_end] = make_pipe();
    output_ = std::move(read_end);
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    arguments.insert(arguments.begin(), program.string());
    const auto argv = pointers(arguments);
    const auto own_environment = environment ? pointers(*environment) : std::vector<char*>();
    char* const* const envp = environment ? own_environment.data() : environ;
    const auto parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw_errno("fork");
    if (pid_ == 0) become(program.c_str(), argv.data(), envp, fds, write_end.get(), parent);
    pidfd_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) {
        const int error = errno;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        throw std::system_error(error, std::generic_category(), "pidfd_open");
    }
}

void ChildProcess::signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
}

Ended ChildProcess::finish() {
    Ended ended{};
    ::fcntl(output_.get(), F_SETFL, 0);
    ended.output = read_all(output_.get());
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ended;
}

ChildProcess::~ChildProcess() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace gatecrash::posix
