#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace gatecrash::cases {

/// Decompresses a gzip file (RFC 1952) that has one member below 4 GiB. Throws std::runtime_error if `file` is not one.
[[nodiscard]] std::vector<std::byte> gunzip(std::span<const std::byte> file);

}  // namespace gatecrash::cases
