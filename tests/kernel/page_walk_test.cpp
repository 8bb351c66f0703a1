#include "kernel/page_walk.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "vm/state/registers.hpp"

namespace gatecrash::kernel {
namespace {

/// Has page tables in a small memory.
class PageWalk : public testing::Test {
  protected:
    template <typename Entry = std::uint64_t>
    void set(std::size_t page, std::uint64_t index, Entry entry) {
        std::memcpy(memory_.data() + page * 4096 + index * sizeof entry, &entry, sizeof entry);
    }
    [[nodiscard]] std::optional<vm::Physical> walk(vm::Virtual address) const {
        return kernel::walk(memory_, sregs_, address);
    }

    std::vector<std::byte> memory_ = std::vector<std::byte>(8 * 4096);
    kvm_sregs sregs_{};
};

/// Has tables for one address: the top one at page 1, each lower one on the next page.
class PageWalkOf64Bits : public PageWalk {
  protected:
    static constexpr vm::Virtual address{0xffffffff81234567};

    PageWalkOf64Bits() {
        sregs_.cr0 = vm::cr0_pg;
        sregs_.cr3 = 0x1000;
        sregs_.cr4 = vm::cr4_pae;
        sregs_.efer = vm::efer_lma;
        set(1, number(address) >> 39 & 511, 0x2003UL);
        set(2, number(address) >> 30 & 511, 0x3003UL);
        set(3, number(address) >> 21 & 511, 0x4003UL);
        set(4, number(address) >> 12 & 511, 0x8000000000005003UL);
    }
};

TEST_F(PageWalkOf64Bits, FindsASmallPage) {
    EXPECT_EQ(walk(address), vm::Physical{0x5567});
    sregs_.cr3 = 0x1fff;
    EXPECT_EQ(walk(address), vm::Physical{0x5567}) << "the low bits of CR3 are no address";
}

TEST_F(PageWalkOf64Bits, FindsLargePages) {
    set(3, number(address) >> 21 & 511, 0x400083UL);
    EXPECT_EQ(walk(address), vm::Physical{0x400000 | (number(address) & 0x1fffff)});
    set(2, number(address) >> 30 & 511, 0x40000083UL);
    EXPECT_EQ(walk(address), vm::Physical{0x40000000 | (number(address) & 0x3fffffff)});
}

TEST_F(PageWalkOf64Bits, FindsNothingThatIsNotPresent) {
    set(4, number(address) >> 12 & 511, 0x5002UL);
    EXPECT_EQ(walk(address), std::nullopt);
}

TEST_F(PageWalkOf64Bits, LeavesTheMemoryAlone) {
    set(3, number(address) >> 21 & 511, 0x7fffff003UL);
    EXPECT_EQ(walk(address), std::nullopt);
    sregs_.cr3 = vm::cr3_address;
    EXPECT_EQ(walk(address), std::nullopt);
}

TEST_F(PageWalkOf64Bits, HasAFifthLevel) {
    set(6, number(address) >> 48 & 511, 0x1003UL);
    sregs_.cr3 = 0x6000;
    sregs_.cr4 |= vm::cr4_la57;
    EXPECT_EQ(walk(address), vm::Physical{0x5567});
}

TEST_F(PageWalk, IsNoneWithoutPaging) {
    sregs_.cr3 = 0x1000;
    EXPECT_EQ(walk(vm::Virtual{0x201234}), vm::Physical{0x201234});
    EXPECT_EQ(walk(vm::Virtual{0x100001234}), std::nullopt) << "no such address in 32 bits";
}

TEST_F(PageWalk, HasTwoLevelsIn32Bits) {
    sregs_.cr0 = vm::cr0_pg;
    sregs_.cr3 = 0x1018;  // PWT and PCD
    const vm::Virtual address{0xc0123456};
    set(1, 0x300, 0x2003U);
    set(2, 0x123, 0x4063U);
    EXPECT_EQ(walk(address), vm::Physical{0x4456});
    set(1, 0x300, 0x2083U);
    EXPECT_EQ(walk(address), vm::Physical{0x4456}) << "without PSE this bit means nothing";
    sregs_.cr4 = vm::cr4_pse;
    set(1, 0x300, 0x00c02083U);  // bit 13 of the entry is bit 32 of the address
    EXPECT_EQ(walk(address), vm::Physical{0x100d23456});
    set(1, 0x300, 0x00c00082U);
    EXPECT_EQ(walk(address), std::nullopt);
    // The last entry of the last table in memory.
    sregs_.cr3 = 0x7000;
    set(7, 1023, 0x00800083U);
    EXPECT_EQ(walk(vm::Virtual{0xffffffff}), vm::Physical{0xbfffff});
    EXPECT_EQ(walk(vm::Virtual{0x1ffffffff}), std::nullopt);
}

TEST_F(PageWalk, HasThreeLevelsWithPae) {
    sregs_.cr0 = vm::cr0_pg;
    sregs_.cr3 = 0x1020;  // the top table has 32 bytes
    sregs_.cr4 = vm::cr4_pae | vm::cr4_pse;
    const vm::Virtual address{0xc0123456};
    set(1, 4 + 3, 0x2001UL);
    set(2, 0, 0x3003UL);
    set(3, 0x123, 0x8000000000004063UL);
    EXPECT_EQ(walk(address), vm::Physical{0x4456});
    set(2, 0, 0x1200000083UL);
    EXPECT_EQ(walk(address), vm::Physical{0x1200123456});
    set(1, 4 + 3, 0x2000UL);
    EXPECT_EQ(walk(address), std::nullopt);
}

}  // namespace
}  // namespace gatecrash::kernel
