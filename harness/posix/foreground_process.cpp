#include "posix/foreground_process.hpp"

#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include "posix/argument_list.hpp"
#include "posix/error.hpp"

namespace gatecrash::posix {

ForegroundProcess::ForegroundProcess(const std::filesystem::path& program, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program.string());
    const auto argv = pointers(arguments);
    (void)std::signal(SIGINT, SIG_IGN);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int number : {SIGINT, SIGPIPE}) sigaddset(&defaults, number);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    const int error = ::posix_spawn(&pid_, program.c_str(), nullptr, &attributes, argv.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) {
        pid_ = -1;
        throw std::system_error(error, std::generic_category(), program.string());
    }
    pidfd_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) throw_errno("pidfd_open");
}

void ForegroundProcess::wait() {
    while (pid_ > 0 && ::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
}

ForegroundProcess::~ForegroundProcess() {
    if (pid_ > 0) ::kill(pid_, SIGTERM);
    wait();
}

}  // namespace gatecrash::posix
