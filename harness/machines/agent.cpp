// The program inside the machine. The kernel starts it as its first process. It makes the kernel usable, and then
// executes the requests of the gatecrash outside the machine. It is statically linked, so it needs only the kernel.

#include <fcntl.h>
#include <linux/reboot.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>

#include "machines/agent_session.hpp"
#include "posix/error.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace {

namespace fs = std::filesystem;

void mount_one(const char* type, const char* target, const char* options = nullptr) {
    fs::create_directories(target);
    if (::mount(type, target, type, 0, options) != 0) posix::throw_errno(std::string("mount ") + target);
}

void mount_all() {
    mount_one("devtmpfs", "/dev");
    mount_one("devpts", "/dev/pts", "ptmxmode=0666");
    mount_one("tmpfs", "/dev/shm");
    mount_one("proc", "/proc");
    mount_one("sysfs", "/sys");
    // Does not hide files that came with the first file system.
    if (!fs::exists("/tmp")) mount_one("tmpfs", "/tmp");
    fs::permissions("/dev/ptmx", fs::perms(0666));
    for (const auto& [name, target] :
         {std::pair{"/dev/fd", "/proc/self/fd"}, std::pair{"/dev/stdin", "/proc/self/fd/0"},
          std::pair{"/dev/stdout", "/proc/self/fd/1"}, std::pair{"/dev/stderr", "/proc/self/fd/2"}}) {
        fs::create_symlink(target, name);
    }
}

/// Loads the files of /modules in the order of their names. Throws std::system_error, which names the module.
void load_modules() {
    std::vector<fs::path> files(fs::directory_iterator("/modules"), fs::directory_iterator{});
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
        if (file.extension() != ".ko") continue;
        auto parameter_file = file;
        parameter_file.replace_extension(".parameters");
        const auto parameters = fs::exists(parameter_file) ? posix::read_file(parameter_file) : "";
        const posix::FileDescriptor fd = posix::open_file(file, O_RDONLY);
        if (::syscall(SYS_finit_module, fd.get(), parameters.c_str(), 0) != 0 && errno != EEXIST) {
            posix::throw_errno("the kernel refused the module " + file.filename().string());
        }
        fs::remove(file);  // frees its memory for the program
    }
}

/// True on a machine without virtio, that is, in Bochs.
bool is_bochs() {
    const char* kind = std::getenv(port_variable);
    return kind != nullptr && kind == serial_port;
}

std::string kernel_release() {
    struct utsname names {};
    ::uname(&names);
    return names.release;
}

[[noreturn]] void power_off() {
    ::sync();
    ::reboot(LINUX_REBOOT_CMD_POWER_OFF);
    ::_exit(1);
}

void serve() {
    mount_all();
    load_modules();
    if (!fs::exists("/dev/kvm")) throw std::runtime_error("KVM is loaded, but there is no /dev/kvm");
    // Signals, resizing and signs of life must get through even if the program keeps the CPU busy.
    ::setpriority(PRIO_PROCESS, 0, -20);
    auto port = is_bochs() ? std::unique_ptr<Port>(new SerialPort) : std::make_unique<VirtioPort>();
    AgentSession session(std::move(port), is_bochs() ? std::optional<StallBreaker>(std::in_place) : std::nullopt);
    session.send(Message::ready, kernel_release());
    session.serve();
}

}  // namespace

}  // namespace gatecrash::machines

int main() {
    using namespace gatecrash::machines;
    try {
        serve();
    } catch (const std::exception& error) {
        // If the port fails, only the console is left: the program outside shows its last lines.
        std::fprintf(stderr, "machine-agent: %s\n", error.what());
        std::fflush(stderr);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    power_off();
}
