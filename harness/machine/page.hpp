#pragma once

#include <cstddef>

namespace gatecrash::machine {

/// Whether two pages (page_size bytes, aligned to 8) are equal.
[[nodiscard]] bool same_page(const std::byte* a, const std::byte* b);
/// Copies one onto another.
void copy_page(std::byte* to, const std::byte* from);

}  // namespace gatecrash::machine
