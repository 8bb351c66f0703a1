#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatecrash::kernel {

/// A place in a kernel: SYMBOL or SYMBOL+0xOFFSET.
struct Place {
    std::string symbol;
    std::uint64_t offset = 0;

    bool operator==(const Place&) const = default;
};

/// Reads a place. Empty if `text` is anything else.
[[nodiscard]] std::optional<Place> parse_place(std::string_view text);
[[nodiscard]] std::string to_string(const Place& place);

}  // namespace gatecrash::kernel
