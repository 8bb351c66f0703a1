// Compares and copies memory, which the harness does more often than anything else. Pages are aligned to 8 bytes.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

#include "gatecrash/address.hpp"

namespace gatecrash::vm {

/// True if two pages are equal. Compares them in the way that is faster on this machine.
[[nodiscard]] bool same_page(const std::byte* a, const std::byte* b);
/// Copies the page `from` onto `to`, in the way that is faster on this machine.
void copy_page(std::byte* to, const std::byte* from);
/// True if all bytes in [begin, end) are 0. Looks at them in the way that is faster on this machine.
[[nodiscard]] bool is_zero(const std::byte* begin, const std::byte* end);

// The two ways: 8 bytes at a time (words), or the C library's function (bytes).
[[nodiscard]] bool same_words(const std::byte* a, const std::byte* b);
[[nodiscard]] bool same_bytes(const std::byte* a, const std::byte* b);
void copy_words(std::byte* to, const std::byte* from);
void copy_bytes(std::byte* to, const std::byte* from);
[[nodiscard]] bool zero_words(const std::byte* begin, const std::byte* end);
[[nodiscard]] bool zero_bytes(const std::byte* begin, const std::byte* end);

/// Returns the one of two such functions whose fastest call takes less time. Calls them for two equal pages, of which
/// the second begins where the first ends.
template <typename Way>
[[nodiscard]] Way faster(Way first, Way second) {
    struct alignas(64) Pages {
        std::array<std::byte, page_size> a{}, b{};
    } pages;
    const auto fastest_call = [&pages](Way way) {
        using Clock = std::chrono::steady_clock;
        constexpr int calls = 16;
        volatile Way called = way;  // or the compiler would know the function and drop its unused result
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
