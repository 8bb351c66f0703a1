// The compressed payloads of kernel images.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gatecrash::kernel {

/// Reports a file that cannot be used: truncated, of another kind, or without what a sweep needs. The message says what
/// to do.
class ImageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

using Bytes = std::vector<std::byte>;

/// Returns the same bytes as characters.
[[nodiscard]] inline std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Decompresses gzip, xz, zstd or LZ4 (the legacy frame, which kernels use), as the first bytes say. Ignores what
/// follows the compressed data: kernels append the size. Throws ImageError for another format, for damaged data, and
/// for more than 1 GiB.
[[nodiscard]] Bytes decompress(std::span<const std::byte> payload);

}  // namespace gatecrash::kernel
