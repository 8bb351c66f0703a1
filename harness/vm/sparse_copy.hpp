#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gatecrash::vm {

/// A copy of memory that is mostly zeros, such as page tables. It holds only the words that are not 0. So a comparison
/// reads little besides the memory itself.
class SparseCopy {
  public:
    SparseCopy() = default;
    /// Copies `memory`, which is aligned to 8 bytes, and whose size is a multiple of 8.
    explicit SparseCopy(std::span<const std::byte> memory);

    /// True if the memory at `now`, of the same size and alignment, equals this copy.
    [[nodiscard]] bool equals(const std::byte* now) const;

  private:
    /// Neighbouring words that are not 0.
    struct Run {
        std::size_t begin, end;  ///< words from the beginning of the memory
    };
    std::vector<Run> runs_;             ///< ascending
    std::vector<std::uint64_t> words_;  ///< those of all runs
    std::size_t size_ = 0;              ///< words
};

}  // namespace gatecrash::vm
