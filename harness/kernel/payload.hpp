// The compressed payloads of kernel images, and other files that kernels compress in the same way.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vm/boot/image.hpp"

namespace gatecrash::kernel {

/// Reports a file that cannot be used: truncated, of another kind, or without a part that a sweep needs. The message
/// says what to do.
using vm::ImageError;

using Bytes = std::vector<std::byte>;

/// Returns the same bytes as characters.
[[nodiscard]] inline std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Reads a number, least significant byte first, that begins `at` bytes after the beginning. All of it must be there.
template <typename Number>
[[nodiscard]] Number number_at(std::span<const std::byte> bytes, std::size_t at) {
    Number value{};
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

/// Decompresses gzip, xz, zstd or LZ4 (the legacy frame, which kernels use), as the first bytes say. Ignores what
/// follows the compressed data: kernels append the size. Throws ImageError for another format, for damaged data, and
/// for more than 1 GiB.
[[nodiscard]] Bytes decompress(std::span<const std::byte> payload);

}  // namespace gatecrash::kernel
