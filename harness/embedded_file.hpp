#pragma once

#include <cstddef>
#include <string_view>

namespace gatecrash {

/// An entry of a table that tools/embed.sh writes.
struct EmbeddedFile {
    const char* name;
    const std::byte *begin, *end;

    [[nodiscard]] std::string_view text() const {
        return {reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end - begin)};
    }
};

}  // namespace gatecrash
