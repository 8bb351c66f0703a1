#include "qemu.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include "gatecrash/emulator/machine_error.hpp"

namespace gatecrash::emulator {

namespace fs = std::filesystem;

namespace {

constexpr const char* qemu_name = "qemu-system-x86_64";

std::string fd_path(QemuFd fd) { return fmt::format("/proc/self/fd/{}", static_cast<int>(fd)); }

std::vector<std::string> common_arguments(bool shared_memory) {
    return {
        "-M",
        "q35,memory-backend=memory",
        "-accel",
        "tcg,thread=single",
        "-cpu",
        "max,+svm,+npt,vendor=AuthenticAMD",
        // One CPU. QEMU 7.2's SVM changes a CPU's pending interrupts without a lock at each VM entry and exit
        // (svm_helper.c, CPU_INTERRUPT_VIRQ); with two CPU threads that loses one now and then, and the machine hangs.
        "-smp",
        "1",
        "-m",
        fmt::format("{}M", memory_size >> 20),
        // The memory is a file. At the first start it is shared, so that this program can read and save it; later
        // starts map the saved file privately: nothing is read until it is used, and nothing is written back.
        "-object",
        fmt::format("memory-backend-file,id=memory,size={},mem-path={},share={}", memory_size, fd_path(QemuFd::memory),
                    shared_memory ? "on" : "off"),
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-chardev",
        "stdio,id=console,signal=off",
        "-serial",
        "chardev:console",
        "-device",
        "virtio-serial-pci",
        "-chardev",
        fmt::format("socket,id=agent,fd={}", static_cast<int>(QemuFd::agent)),
        "-device",
        "virtserialport,chardev=agent,name=gatecrash.agent",
        "-chardev",
        fmt::format("socket,id=monitor,fd={}", static_cast<int>(QemuFd::monitor)),
        "-mon",
        "chardev=monitor,mode=control",
        // Saved while stopped, but to run on when restored.
        "-global",
        "migration.store-global-state=off",
    };
}

/// In the new process. Only calls that are safe between fork and exec: other threads may have held any lock.
[[noreturn]] void become(const char* path, char* const* argv, const std::vector<HandedFd>& fds, int console,
                         pid_t parent) {
    // A group of its own: the terminal's Ctrl-C is for the program inside, which gets it from us.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // the parent died before the line above
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(console, STDOUT_FILENO);
    ::dup2(console, STDERR_FILENO);
    // First out of the way of all the targets, then to where they belong.
    std::array<int, 8> moved{};
    for (std::size_t i = 0; i < fds.size(); ++i) moved[i] = ::fcntl(fds[i].fd, F_DUPFD_CLOEXEC, 64);
    for (std::size_t i = 0; i < fds.size(); ++i) ::dup2(moved[i], static_cast<int>(fds[i].as));
    ::execv(path, argv);
    ::_exit(127);
}

}  // namespace

fs::path find_qemu() {
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        auto candidate = fs::path(folder) / qemu_name;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    throw MachineError(fmt::format("the amd machine needs QEMU, and there is no {} in PATH", qemu_name),
                       "run `./dev setup`, or `apt-get install qemu-system-x86`");
}

std::string qemu_version(const fs::path& qemu) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
        ::popen(fmt::format("exec '{}' --version 2>/dev/null", qemu.string()).c_str(), "re"), ::pclose);
    std::string text;
    if (pipe) text = read_all(::fileno(pipe.get()));
    if (text.empty()) {
        throw MachineError(qemu.string() + " does not even tell its version", "reinstall qemu-system-x86");
    }
    return text.substr(0, text.find('\n'));
}

std::vector<std::string> boot_arguments() {
    auto arguments = common_arguments(true);
    // The last line is about time: no probing of a clock that an emulator makes look broken, no self-tests, no zeroing
    // of each page twice.
    const std::string kernel_arguments =
        "console=ttyS0 quiet panic=-1 mitigations=off lpj=4000000 tsc=reliable no_timer_check nowatchdog "
        "cryptomgr.notests init_on_alloc=0 audit=0 lsm= nokaslr";
    arguments.insert(arguments.end(), {"-kernel", fd_path(QemuFd::kernel), "-initrd", fd_path(QemuFd::initramfs),
                                       "-append", kernel_arguments});
    return arguments;
}

std::vector<std::string> restore_arguments() {
    auto arguments = common_arguments(false);
    arguments.insert(arguments.end(), {"-incoming", "defer"});
    return arguments;
}

QemuProcess::QemuProcess(const fs::path& qemu, std::vector<std::string> arguments, const std::vector<HandedFd>& fds) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe2");
    console_ = Fd(ends[0]);
    const Fd write_end(ends[1]);
    ::fcntl(console_.get(), F_SETFL, O_NONBLOCK);
    std::string path = qemu.string();
    std::vector<char*> argv = {path.data()};
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const auto parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw_errno("fork");
    if (pid_ == 0) become(path.c_str(), argv.data(), fds, write_end.get(), parent);
    pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) {
        const int error = errno;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        throw std::system_error(error, std::generic_category(), "pidfd_open");
    }
}

QemuProcess::~QemuProcess() {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace gatecrash::emulator
