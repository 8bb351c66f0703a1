#include "kernel/page_walk.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace gatecrash::kernel {
namespace {

/// Has tables for one address: the top one at page 1, each lower one on the next page.
class PageWalk : public testing::Test {
  protected:
    static constexpr vm::Virtual address{0xffffffff81234567};

    PageWalk() {
        set(1, number(address) >> 39 & 511, 0x2003);
        set(2, number(address) >> 30 & 511, 0x3003);
        set(3, number(address) >> 21 & 511, 0x4003);
        set(4, number(address) >> 12 & 511, 0x8000000000005003);
    }
    void set(std::size_t page, std::size_t index, std::uint64_t entry) {
        std::memcpy(memory_.data() + page * 4096 + index * 8, &entry, sizeof entry);
    }
    [[nodiscard]] std::optional<vm::Physical> walk(std::uint64_t cr3 = 0x1000, bool five_levels = false) const {
        return kernel::walk(memory_, cr3, five_levels, address);
    }

    std::vector<std::byte> memory_ = std::vector<std::byte>(8 * 4096);
};

TEST_F(PageWalk, FindsASmallPage) {
    EXPECT_EQ(walk(), vm::Physical{0x5567});
    EXPECT_EQ(walk(0x1fff), vm::Physical{0x5567}) << "the low bits of CR3 are no address";
}

TEST_F(PageWalk, FindsLargePages) {
    set(3, number(address) >> 21 & 511, 0x400083);
    EXPECT_EQ(walk(), vm::Physical{0x400000 | (number(address) & 0x1fffff)});
    set(2, number(address) >> 30 & 511, 0x40000083);
    EXPECT_EQ(walk(), vm::Physical{0x40000000 | (number(address) & 0x3fffffff)});
}

TEST_F(PageWalk, FindsNothingThatIsNotPresent) {
    set(4, number(address) >> 12 & 511, 0x5002);
    EXPECT_EQ(walk(), std::nullopt);
}

TEST_F(PageWalk, LeavesTheMemoryAlone) {
    set(3, number(address) >> 21 & 511, 0x7fffff003);
    EXPECT_EQ(walk(), std::nullopt);
    EXPECT_EQ(walk(0x000ffffffffff000), std::nullopt);
}

TEST_F(PageWalk, HasAFifthLevel) {
    set(6, number(address) >> 48 & 511, 0x1003);
    EXPECT_EQ(walk(0x6000, true), vm::Physical{0x5567});
}

}  // namespace
}  // namespace gatecrash::kernel
