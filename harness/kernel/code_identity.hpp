// Tells the protected code of one build from that of another.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernel/kernel_guest.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::kernel {

/// The symbol of the text with which a Linux kernel names its build.
inline constexpr const char* linux_banner = "linux_banner";
inline constexpr std::size_t longest_banner = 256;  ///< bytes that are looked at

/// Returns a digest of `content` and of where the code is. `content` is the code itself. A Linux kernel patches its
/// code while it runs, so its banner stands for it.
[[nodiscard]] std::string code_identity(std::string_view content, std::span<const vm::ProtectedCode::Range> ranges);

/// Returns that of a Linux kernel which has booted. Other kernels have none.
[[nodiscard]] std::string code_identity(KernelGuest& guest, const vm::SymbolTable& symbols);

}  // namespace gatecrash::kernel
