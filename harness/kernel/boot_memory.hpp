// The memory that a 64-bit Linux kernel expects at its entry point.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "gatecrash/address.hpp"
#include "kernel/boot_image.hpp"

namespace gatecrash::kernel {

/// Holds the things that a kernel boots with beside its image.
struct BootInput {
    std::string command_line;  ///< at most 2 KiB
    std::string initramfs;     ///< a cpio archive, compressed or not; may be empty
    std::string cpu{};         ///< how the CPU differs from the host's: see parse_cpu()
};

/// Copies the segments of `image` into `memory`, the guest-physical memory from address 0 on. Throws ImageError if one
/// does not fit, and for more than 3 GiB. The first MiB is for what a boot loader tells the kernel.
void load_segments(const BootImage& image, std::span<std::byte> memory);

/// Makes `memory`, the guest-physical memory from address 0 on, ready for the entry point (Linux,
/// Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"):
/// - the segments of `image`, at their own addresses;
/// - boot_params, with a memory map of two entries;
/// - the command line;
/// - a GDT, and page tables that map the first GiB onto itself;
/// - the initramfs, which ends where the first 2 GiB or the memory end.
/// Throws ImageError if something does not fit, and for more than 3 GiB of memory.
void load_kernel(const BootImage& image, const BootInput& input, std::span<std::byte> memory);

/// Return the registers at the entry point: 64-bit mode on the tables of load_kernel(), interrupts off, RSI at
/// boot_params. The rest is as in `now`.
[[nodiscard]] kvm_sregs entry_sregs(const kvm_sregs& now);
[[nodiscard]] kvm_regs entry_regs(const BootImage& image);

}  // namespace gatecrash::kernel
