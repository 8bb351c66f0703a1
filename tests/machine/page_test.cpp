#include "page.hpp"

#include <gtest/gtest.h>

#include <array>

#include "gatecrash/machine/address.hpp"

namespace gatecrash::machine {
namespace {

using AnyPage = std::array<std::byte, page_size>;

TEST(Page, DiffersByAnyByte) {
    alignas(64) AnyPage a{}, b{};
    EXPECT_TRUE(same_page(a.data(), b.data()));
    for (std::size_t at = 0; at < page_size; at += at < 64 || at >= page_size - 64 ? 1 : 61) {
        b.at(at) = std::byte{0x80};
        EXPECT_FALSE(same_page(a.data(), b.data())) << at;
        b.at(at) = {};
    }
}

TEST(Page, IsCopiedWhole) {
    alignas(64) AnyPage a{}, b{};
    for (std::size_t at = 0; at < page_size; ++at) a.at(at) = std::byte(at * 7 + at / 256);
    copy_page(b.data(), a.data());
    EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace gatecrash::machine
