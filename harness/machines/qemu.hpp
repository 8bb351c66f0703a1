// Makes QEMU's command line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "machines/machines.hpp"

namespace gatecrash::machines {

/// The descriptor numbers under which QEMU gets its files. They are fixed, so that the command line is the same at
/// every start and can be part of the key of a saved state.
enum QemuFd : int { agent_fd = 3, monitor_fd, memory_fd, window_fd, kernel_fd, initramfs_fd };

/// Bytes of the FileWindow. It is sparse, and larger than anything that a sweep needs inside.
inline constexpr std::size_t window_size = std::size_t{1} << 30;

/// Finds the emulator in PATH. Throws MachineError, with the remedy of `machine`, if it is not there.
std::filesystem::path find_qemu(const Machine& machine);

/// Returns the first line of `qemu --version`.
std::string qemu_version(const std::filesystem::path& qemu);

/// Returns the arguments for the first start, which boots the kernel. The monitor then saves that machine.
std::vector<std::string> boot_arguments(const Machine& machine);

/// Returns the arguments for a start from a saved state.
std::vector<std::string> restore_arguments(const Machine& machine);

}  // namespace gatecrash::machines
