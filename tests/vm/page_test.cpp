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

TEST(Page, IsNotZeroWithAnyByte) {
    alignas(64) AnyPage page{};
    const auto* const begin = page.data();
    for (const auto zero : {zero_words, zero_bytes, is_zero}) {
        for (const auto size : {0, 1, 7, 8, 9, 64, 72, 130, 4096}) {
            EXPECT_TRUE(zero(begin, begin + size)) << size;
            for (int at = 0; at < size; at += at < 130 ? 1 : 61) {
                page.at(at) = std::byte{1};
                EXPECT_FALSE(zero(begin, begin + size)) << at << " of " << size;
                page.at(at) = {};
            }
            if (size == page_size) continue;
            page.at(size) = std::byte{1};
            EXPECT_TRUE(zero(begin, begin + size)) << "what follows " << size << " bytes is not 0";
            page.at(size) = {};
        }
        EXPECT_TRUE(zero(begin + 3, begin + 200)) << "not aligned";
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
