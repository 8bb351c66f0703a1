#pragma once

#include <filesystem>
#include <vector>

#include "cli/kernel_options.hpp"
#include "kernel/kallsyms.hpp"

namespace gatecrash::cli {

/// Returns a command line that makes this program boot a kernel and write it to `file`.
[[nodiscard]] Words boot_words(const KernelOptions& options, const std::filesystem::path& file);

/// Boots a kernel on this computer, and writes it to `file`. Throws Failure if it does not boot.
void boot_here(const KernelOptions& options, const std::filesystem::path& file);

/// Returns the kernel's symbols. Throws vm::ImageError if the kernel, its symbols or the init program cannot be used.
[[nodiscard]] std::vector<kernel::KernelSymbol> symbols_of(const KernelOptions& options);

}  // namespace gatecrash::cli
