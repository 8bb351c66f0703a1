// Writes into low memory what a boot loader tells a kernel: structures, strings, a map of the memory.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "kernel/payload.hpp"

namespace gatecrash::kernel {

/// A PC's memory in the first MiB ends here, and the rest of it begins at `high_memory`.
constexpr std::uint64_t low_memory_end = 0x9fc00, high_memory = 0x100000;

/// A part of the guest-physical memory that a kernel can use.
struct MemoryRange {
    std::uint64_t begin, size;  ///< bytes
};
/// Returns the ranges of a PC with `size` bytes of memory.
[[nodiscard]] constexpr std::array<MemoryRange, 2> memory_map(std::uint64_t size) {
    return {{{0, low_memory_end}, {high_memory, size - high_memory}}};
}

/// Puts values one after another into the memory below the first MiB, where no segment of an image is.
class BootInfo {
  public:
    explicit BootInfo(std::span<std::byte> memory) : memory_(memory) {}

    /// Returns the guest-physical address of the next value. It is a multiple of 8.
    [[nodiscard]] std::uint32_t next() const { return next_; }
    [[nodiscard]] std::uint64_t memory_size() const { return memory_.size(); }

    /// Puts a value, and returns its guest-physical address. Throws ImageError if there is no more room.
    template <typename Value>
    std::uint32_t put(const Value& value) {
        return put(std::as_bytes(std::span(&value, 1)));
    }
    std::uint32_t put(const std::string& text) { return put(std::as_bytes(std::span(text.c_str(), text.size() + 1))); }
    std::uint32_t put(std::span<const std::byte> bytes) {
        if (bytes.size() > end - next_) throw ImageError("the command line is too long: shorten it");
        std::memcpy(memory_.data() + next_, bytes.data(), bytes.size());
        const auto at = next_;
        next_ += static_cast<std::uint32_t>((bytes.size() + alignment - 1) & ~(alignment - 1));
        return at;
    }

    /// Replaces the value that was put at `at`.
    template <typename Value>
    void replace(std::uint32_t at, const Value& value) {
        std::memcpy(memory_.data() + at, &value, sizeof value);
    }

  private:
    static constexpr std::size_t alignment = 8;
    static constexpr std::uint32_t begin = 0x9000, end = 0x80000;

    std::span<std::byte> memory_;
    std::uint32_t next_ = begin;
};

}  // namespace gatecrash::kernel
