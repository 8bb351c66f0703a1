// Keeps booted kernels in the cache, so that a sweep need not boot one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/kernel_options.hpp"
#include "cli/options.hpp"
#include "kernel/saved_kernel.hpp"

namespace gatecrash::cli {

/// Options with parts of a KernelPlace, for this program inside an emulated machine.
inline constexpr const char *saved_kernel_option = "saved-kernel", *kernel_exits_option = "kernel-exits";

/// Tells a process how to load a kernel that is ready.
struct KernelPlace {
    std::string file;                ///< see kernel::KernelFile
    std::vector<vm::Virtual> exits;  ///< see kernel::LoadedKernel
};

/// Returns `place` as words of a command line.
[[nodiscard]] Words words_of(const KernelPlace& place);
/// Returns what such words say; empty outside of emulated machines.
[[nodiscard]] std::optional<KernelPlace> read_place(const Values& values);

/// A kernel that is ready to be swept.
struct ReadyKernel {
    KernelPlace place;
    kernel::SavedKernelHead head;
    MachineName machine;  ///< not `auto`
};

/// The program and the machine that boot a kernel.
struct KernelBooter {
    std::string program;  ///< this program's bytes: it has words for the command line, CPUID, and an init program
    std::string machine;  ///< a digest of the machine, with its emulator and CPU model
};

/// Returns a name for the booted kernel of `options`, whose files exist. Whatever changes the booted kernel changes the
/// name. The pokes and the annotations do not: they come after the boot.
[[nodiscard]] std::string saved_kernel_key(const KernelOptions& options, const KernelBooter& booter);

/// Returns the kernel of `options` on the machine that `asked` means. Boots it if the cache does not have it. Throws
/// machines::MachineError; vm::ImageError for a kernel that cannot be swept, before a machine starts; and
/// worker::WorkerError if the kernel did not boot.
[[nodiscard]] ReadyKernel ready_kernel(const KernelOptions& options, MachineName asked);

}  // namespace gatecrash::cli
