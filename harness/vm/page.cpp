#include "vm/page.hpp"

#include <algorithm>
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

__attribute__((optimize("no-tree-vectorize"))) bool zero_words(const std::byte* begin, const std::byte* end) {
    constexpr std::ptrdiff_t word_size = sizeof(std::uint64_t), at_once = 8 * word_size;
    for (; end - begin >= at_once; begin += at_once) {
        std::uint64_t any = 0;
        for (std::ptrdiff_t at = 0; at < at_once; at += word_size) {
            std::uint64_t word = 0;
            std::memcpy(&word, begin + at, sizeof word);
            any |= word;
        }
        if (any != 0) return false;
    }
    return std::all_of(begin, end, [](auto byte) { return byte == std::byte{}; });
}

/// Compares each byte with the next one.
bool zero_bytes(const std::byte* begin, const std::byte* end) {
    return begin == end ||
           (*begin == std::byte{} && std::memcmp(begin, begin + 1, static_cast<std::size_t>(end - begin) - 1) == 0);
}

bool same_page(const std::byte* a, const std::byte* b) {
    static const auto way = faster(same_words, same_bytes);
    return way(a, b);
}

void copy_page(std::byte* to, const std::byte* from) {
    static const auto way = faster(copy_words, copy_bytes);
    way(to, from);
}

bool is_zero(const std::byte* begin, const std::byte* end) {
    static const auto way = faster(zero_words, zero_bytes);
    return way(begin, end);
}

}  // namespace gatecrash::vm
