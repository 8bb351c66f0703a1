#include "vm/page.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace gatecrash::vm {
namespace {

using AnyPage = std::array<std::byte, page_size>;

TEST(Page, DiffersByAnyByte) {
    alignas(64) AnyPage a{}, b{};
    for (const auto same : {same_words, same_bytes, same_page}) {
        EXPECT_TRUE(same(a.data(), b.data()));
        for (std::size_t at = 0; at < page_size; at += at < 64 || at >= page_size - 64 ? 1 : 61) {
            b.at(at) = std::byte{0x80};
            EXPECT_FALSE(same(a.data(), b.data())) << at;
            b.at(at) = {};
        }
    }
}

TEST(Page, IsCopiedWhole) {
    alignas(64) AnyPage a{};
    for (std::size_t at = 0; at < page_size; ++at) a.at(at) = std::byte(at * 7 + at / 256);
    for (const auto copy : {copy_words, copy_bytes, copy_page}) {
        alignas(64) AnyPage b{};
        copy(b.data(), a.data());
        EXPECT_EQ(a, b);
    }
}

/// Does the work of same_words many times, and so is slower.
bool slowly_same(const std::byte* a, const std::byte* b) {
    bool same = true;
    for (int i = 0; i < 64; ++i) same = same_words(a, b) && same;
    return same;
}

TEST(Page, IsComparedInTheFasterWay) {
    EXPECT_EQ(faster(slowly_same, same_words), same_words);
    EXPECT_EQ(faster(same_words, slowly_same), same_words);
}

}  // namespace
}  // namespace gatecrash::vm
