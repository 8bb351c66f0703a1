// Page tables that a guest made itself.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <optional>
#include <span>

#include "gatecrash/address.hpp"

namespace gatecrash::kernel {

/// Translates an address as a CPU with these registers does. It has no paging, 32-bit paging, PAE, or 4 or 5 levels
/// (SDM volume 3, 4.3 to 4.5). `memory` begins at guest-physical 0. Returns the guest-physical address of `address`, or
/// nothing if it is not mapped, or if a table lies outside the memory.
[[nodiscard]] std::optional<vm::Physical> walk(std::span<const std::byte> memory, const kvm_sregs& sregs,
                                               vm::Virtual address);

}  // namespace gatecrash::kernel
