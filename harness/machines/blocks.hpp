// The pieces in which files with holes are handled.
#pragma once

#include <cstddef>
#include <string_view>

namespace gatecrash::machines {

constexpr std::size_t block_size = 64U << 10;

/// True if all bytes are zero.
[[nodiscard]] inline bool is_zero(std::string_view bytes) {
    return bytes.empty() || (bytes.front() == 0 && bytes.substr(1) == bytes.substr(0, bytes.size() - 1));
}

}  // namespace gatecrash::machines
