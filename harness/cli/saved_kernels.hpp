// Keeps booted kernels in the cache, so that a sweep need not boot one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/kernel_options.hpp"
#include "cli/options.hpp"
#include "kernel/saved_kernel.hpp"

namespace gatecrash::cli {

/// An option with the file of a ReadyKernel, for this program inside an emulated machine.
inline constexpr const char* saved_kernel_option = "saved-kernel";

/// A kernel that is ready to be swept.
struct ReadyKernel {
    std::filesystem::path file;  ///< see kernel::to_file()
    kernel::SavedKernelHead head;
    MachineName machine;  ///< not `auto`
};

/// Returns the kernel of `options` on the machine that `asked` means. Boots it if the cache does not have it. Throws
/// vm::ImageError for a kernel that cannot be swept, before any machine is needed; machines::MachineError; and
/// worker::WorkerError if the kernel did not boot.
[[nodiscard]] ReadyKernel ready_kernel(const KernelOptions& options, MachineName asked);

}  // namespace gatecrash::cli
