#include "kernel/page_walk.hpp"

#include <cstring>

namespace gatecrash::kernel {

std::optional<vm::Physical> walk(std::span<const std::byte> memory, std::uint64_t cr3, bool five_levels,
                                 vm::Virtual address) {
    constexpr std::uint64_t present = 1, large = 0x80, frame = 0x000ffffffffff000;
    constexpr unsigned bits_a_level = 9, page_bits = 12;
    auto table = cr3 & frame;
    for (unsigned level = five_levels ? 5 : 4; level > 0; --level) {
        const auto shift = page_bits + bits_a_level * (level - 1);
        const auto index = number(address) >> shift & ((1U << bits_a_level) - 1);
        std::uint64_t entry = 0;
        const auto at = table + index * sizeof entry;
        if (at > memory.size() - sizeof entry) return {};
        std::memcpy(&entry, memory.data() + at, sizeof entry);
        if ((entry & present) == 0) return {};
        // Only the tables of 1 GiB and of 2 MiB can map pages themselves.
        if (level == 1 || (level <= 3 && (entry & large) != 0)) {
            const auto offset = (std::uint64_t{1} << shift) - 1;
            return vm::Physical{(entry & frame & ~offset) | (number(address) & offset)};
        }
        table = entry & frame;
    }
    return {};
}

}  // namespace gatecrash::kernel
