// Reads the symbols by which a guest declares something about events (gatecrash/abi.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vm/boot/image.hpp"
#include "vm/memory.hpp"

namespace gatecrash::vm {

using Pair = std::pair<std::uint64_t, std::uint64_t>;
/// Returns the pairs of 8-byte words that a guest has at `symbol`, up to the first pair whose second word is 0. Empty
/// if the guest does not have that symbol.
[[nodiscard]] std::vector<Pair> pairs_at(const Image& image, const GuestMemory& memory, const std::string& symbol);

struct Declarations {
    std::optional<Virtual> exit_work, interrupts_in_service, ve_information;
    std::vector<Pair> breakpoints_refused, watchpoints_refused;  ///< ranges of addresses: the first, and the end
};
[[nodiscard]] Declarations declarations_of(const Image& image, const GuestMemory& memory);

/// True if `address` is in one of `ranges`.
[[nodiscard]] bool is_in(const std::vector<Pair>& ranges, std::uint64_t address);

}  // namespace gatecrash::vm
