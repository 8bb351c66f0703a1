// Puts a kernel into memory, and gives the registers with which a boot loader would start it.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <span>

#include "kernel/boot_image.hpp"
#include "kernel/boot_memory.hpp"

namespace gatecrash::kernel {

/// The registers of the CPU when a kernel begins.
struct BootEntry {
    kvm_regs regs{};
    kvm_sregs sregs{};
};

/// Makes `memory`, the guest-physical memory from address 0 on, ready for `image` as its protocol demands. Registers
/// that the protocol leaves open are as in `now`. Throws ImageError if something does not fit.
[[nodiscard]] BootEntry load_image(const BootImage& image, const BootInput& input, std::span<std::byte> memory,
                                   const kvm_sregs& now);

}  // namespace gatecrash::kernel
