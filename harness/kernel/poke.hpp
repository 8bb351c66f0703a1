#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatecrash::kernel {

/// Bytes to put into a kernel's memory before it is swept.
struct Poke {
    std::string symbol;
    std::uint64_t offset = 0;  ///< bytes after the symbol
    std::vector<std::uint8_t> bytes;

    bool operator==(const Poke&) const = default;
};

}  // namespace gatecrash::kernel
