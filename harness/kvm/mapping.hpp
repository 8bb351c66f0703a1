#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gatecrash::kvm {

/// Owns one mmap()ed range of host memory.
class Mapping {
  public:
    Mapping() = default;
    /// Maps `size` bytes of `fd` from `offset` on, writable. Writes stay in this mapping. Throws Error.
    static Mapping private_file(int fd, std::size_t size, std::size_t offset = 0);
    /// Maps `size` bytes of `fd` in the same way, or zeros if `fd` is negative, for comparisons with the pages from
    /// `other` on. The distance from `other` is an odd number of pages. An emulated CPU finds a page by the low bits of
    /// its number (QEMU's TLB). If two pages have these in common, comparing them takes ten times as long.
    static Mapping apart_from(const std::byte* other, int fd, std::size_t size, std::size_t offset = 0);
    /// Maps `size` bytes of `fd` from `offset` on, shared and writable. Throws Error.
    static Mapping shared_file(int fd, std::size_t size, std::size_t offset = 0);

    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping();

    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::span<std::byte> bytes() const { return {data_, size_}; }

  private:
    Mapping(std::byte* data, std::size_t size) : data_(data), size_(size) {}

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace gatecrash::kvm
