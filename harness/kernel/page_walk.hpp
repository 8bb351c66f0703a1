// Page tables that a guest made itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "gatecrash/address.hpp"

namespace gatecrash::kernel {

/// Walks the page tables at `cr3` in `memory`, which begins at guest-physical 0 (SDM volume 3, 4.5). With `five_levels`
/// CR4.LA57 is set. Returns the guest-physical address of `address`, or nothing if it is not mapped, or if a table lies
/// outside the memory.
[[nodiscard]] std::optional<vm::Physical> walk(std::span<const std::byte> memory, std::uint64_t cr3, bool five_levels,
                                               vm::Virtual address);

}  // namespace gatecrash::kernel
