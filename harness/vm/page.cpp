#include "vm/page.hpp"

#include <cstdint>
#include <cstring>

namespace gatecrash::vm {

// Each way is faster on some machine, so both are measured. QEMU calls a function for each vector instruction, and
// takes each iteration of REP MOVS as an instruction. On Bochs every instruction costs the same, so fewer are better.
// See docs/explanation/speed.md.

constexpr std::size_t words_a_page = page_size / sizeof(std::uint64_t);

__attribute__((optimize("no-tree-vectorize"))) bool same_words(const std::byte* a, const std::byte* b) {
    const auto* x = reinterpret_cast<const std::uint64_t*>(a);
    const auto* y = reinterpret_cast<const std::uint64_t*>(b);
    for (std::size_t i = 0; i < words_a_page; i += 4) {
        const auto differs = (x[i] ^ y[i]) | (x[i + 1] ^ y[i + 1]) | (x[i + 2] ^ y[i + 2]) | (x[i + 3] ^ y[i + 3]);
        if (differs != 0) return false;
    }
    return true;
}

bool same_bytes(const std::byte* a, const std::byte* b) { return std::memcmp(a, b, page_size) == 0; }

__attribute__((optimize("no-tree-vectorize", "no-tree-loop-distribute-patterns"))) void copy_words(
    std::byte* to, const std::byte* from) {
    auto* x = reinterpret_cast<std::uint64_t*>(to);
    const auto* y = reinterpret_cast<const std::uint64_t*>(from);
    for (std::size_t i = 0; i < words_a_page; ++i) x[i] = y[i];
}

void copy_bytes(std::byte* to, const std::byte* from) { std::memcpy(to, from, page_size); }

bool same_page(const std::byte* a, const std::byte* b) {
    static const auto way = faster(same_words, same_bytes);
    return way(a, b);
}

void copy_page(std::byte* to, const std::byte* from) {
    static const auto way = faster(copy_words, copy_bytes);
    way(to, from);
}

}  // namespace gatecrash::vm
