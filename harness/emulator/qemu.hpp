// QEMU as a child process.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "gatecrash/emulator/file.hpp"

namespace gatecrash::emulator {

/// The descriptor numbers under which QEMU finds what it is handed. Fixed, so that the command line is the same at
/// every start and can be part of the key of a saved state.
enum class QemuFd : int { agent = 3, monitor, memory, kernel, initramfs };

/// A descriptor to hand to QEMU; stays the caller's.
struct HandedFd {
    QemuFd as;
    int fd;
};

inline constexpr std::size_t memory_size = std::size_t{512} << 20;

/// The emulator's path as found in PATH. Throws MachineError with the remedy when there is none.
std::filesystem::path find_qemu();

/// First line of `qemu --version`.
std::string qemu_version(const std::filesystem::path& qemu);

/// Arguments for the first start, which boots the kernel and is then saved through the monitor.
std::vector<std::string> boot_arguments();

/// Arguments for a start from a saved state.
std::vector<std::string> restore_arguments();

/// A running QEMU. Dies with this object, and with the thread that made it, however that ends.
class QemuProcess {
  public:
    QemuProcess(const std::filesystem::path& qemu, std::vector<std::string> arguments,
                const std::vector<HandedFd>& fds);
    QemuProcess(const QemuProcess&) = delete;
    QemuProcess& operator=(const QemuProcess&) = delete;
    QemuProcess(QemuProcess&&) = delete;
    QemuProcess& operator=(QemuProcess&&) = delete;
    ~QemuProcess();

    /// Becomes readable when QEMU ends.
    int pidfd() const { return pidfd_.get(); }
    /// Non-blocking; the serial console of the machine, and whatever QEMU itself has to say.
    int console() const { return console_.get(); }

  private:
    pid_t pid_ = -1;
    Fd pidfd_;
    Fd console_;
};

}  // namespace gatecrash::emulator
