#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace gatecrash::cases {

/// The content of a gzip file (RFC 1952) that gzip made of one file below 4 GiB. Throws std::runtime_error.
[[nodiscard]] std::vector<std::byte> gunzip(std::span<const std::byte> file);

}  // namespace gatecrash::cases
