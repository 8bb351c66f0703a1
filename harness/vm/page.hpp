// Pages (page_size bytes, aligned to 8) are compared and copied more than anything else is done.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

#include "gatecrash/address.hpp"

namespace gatecrash::vm {

/// Whether two pages are equal, in the way that is faster here.
[[nodiscard]] bool same_page(const std::byte* a, const std::byte* b);
/// Copies one onto another, in the way that is faster here.
void copy_page(std::byte* to, const std::byte* from);

// The ways: 8 bytes at a time, or the C library's.
[[nodiscard]] bool same_words(const std::byte* a, const std::byte* b);
[[nodiscard]] bool same_bytes(const std::byte* a, const std::byte* b);
void copy_words(std::byte* to, const std::byte* from);
void copy_bytes(std::byte* to, const std::byte* from);

/// Of two such functions, the one whose fastest call for two equal pages is faster.
template <typename Way>
[[nodiscard]] Way faster(Way first, Way second) {
    struct alignas(64) Pages {
        std::array<std::byte, page_size> a{}, b{};
    } pages;
    const auto fastest_call = [&pages](Way way) {
        using Clock = std::chrono::steady_clock;
        constexpr int calls = 16;
        volatile Way called = way;  // else the compiler knows what it does, and that nobody asks for the result
        auto least = Clock::duration::max();
        for (int call = 0; call < calls; ++call) {
            const auto start = Clock::now();
            (void)called(pages.a.data(), pages.b.data());
            least = std::min(least, Clock::now() - start);
        }
        return least;
    };
    return fastest_call(second) < fastest_call(first) ? second : first;
}

}  // namespace gatecrash::vm
