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
    /// Maps `size` bytes of zeros, writable. Throws Error.
    static Mapping zeros(std::size_t size);
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
