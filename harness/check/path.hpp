// The way to a place in the code.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gatecrash::check {

/// Names the places on the way: where the code is entered, then each branch that is taken and its target, and the place
/// itself. A long path loses its middle: nobody reads it, and a kernel can have many.
struct Path {
    static constexpr std::size_t longest = 100;  ///< places

    std::vector<std::uint64_t> places;
    std::size_t left_out = 0;  ///< places after the first one
};

/// Returns the path to `address` in the block `last` of `blocks`. Each block has the address at which it begins, the
/// branch that goes there, and the index of the block before it. The index is negative where the code is entered.
template <typename Block>
[[nodiscard]] Path path_to(const std::vector<Block>& blocks, std::int32_t last, std::uint64_t address) {
    Path path;
    std::vector<std::uint64_t> reversed{address};
    std::size_t count = 0;
    for (auto i = last; i >= 0; i = blocks[static_cast<std::size_t>(i)].before) {
        const auto& block = blocks[static_cast<std::size_t>(i)];
        const bool is_first = block.before < 0;
        const bool has_room = reversed.size() + 2 < Path::longest || is_first;
        if (address != block.address || i != last) {
            ++count;
            if (has_room) reversed.push_back(block.address);
        }
        if (is_first) break;
        ++count;
        if (has_room) reversed.push_back(block.branch);
    }
    path.left_out = count + 1 - reversed.size();
    path.places.assign(reversed.rbegin(), reversed.rend());
    return path;
}

}  // namespace gatecrash::check
