#include "vm/sparse_copy.hpp"

#include "vm/page.hpp"

namespace gatecrash::vm {

SparseCopy::SparseCopy(std::span<const std::byte> memory) : size_(memory.size() / sizeof(std::uint64_t)) {
    const auto* const word = reinterpret_cast<const std::uint64_t*>(memory.data());
    for (std::size_t i = 0; i < size_; ++i) {
        if (word[i] == 0) continue;
        if (runs_.empty() || runs_.back().end != i) runs_.push_back({i, i});
        ++runs_.back().end;
        words_.push_back(word[i]);
    }
}

bool SparseCopy::equals(const std::byte* now) const {
    const auto are_zero = [now](std::size_t begin, std::size_t end) {
        return is_zero(now + begin * sizeof(std::uint64_t), now + end * sizeof(std::uint64_t));
    };
    const auto* const word = reinterpret_cast<const std::uint64_t*>(now);
    auto then = words_.begin();
    std::size_t compared = 0;
    for (const auto& run : runs_) {
        if (!are_zero(compared, run.begin)) return false;
        for (auto i = run.begin; i < run.end; ++i) {
            if (word[i] != *then++) return false;
        }
        compared = run.end;
    }
    return are_zero(compared, size_);
}

}  // namespace gatecrash::vm
