#include "vm/page_tables.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "vm/boot/image.hpp"

namespace gatecrash::vm {
namespace {

constexpr std::uint64_t address_mask = 0x000ffffffffff000, present = 1, accessed = 0x20;
constexpr Physical first{0x3000};
constexpr Rights user_data{.writable = true, .executable = false, .user = true};
constexpr Rights kernel_text{.writable = false, .executable = true, .user = false};

/// A guest's memory with page tables.
class Tables {
  public:
    explicit Tables(bool is_64_bit, std::size_t pages = 64)
        : levels_(is_64_bit ? 4 : 3), memory_(pages * page_size), tables_(memory_, first, is_64_bit) {}

    PageTables& operator*() { return tables_; }
    PageTables* operator->() { return &tables_; }
    std::span<std::byte> memory() { return memory_; }
    std::uint64_t& word(Physical at) { return *reinterpret_cast<std::uint64_t*>(memory_.data() + number(at)); }

    /// Walks the tables as the CPU does. Returns the last entry, or the first one that is not present.
    std::uint64_t walk(Physical root, std::uint64_t address) {
        std::uint64_t entry = number(root);
        for (int level = levels_ - 1; level >= 0; --level) {
            const auto index = address >> (12 + 9 * level) & (level == 2 && levels_ == 3 ? 3U : 511U);
            entry = word(Physical{(entry & address_mask) + index * 8});
            if ((entry & present) == 0) break;
        }
        return entry;
    }

    [[nodiscard]] std::size_t count() const { return (number(tables_.end()) - number(tables_.root())) / page_size; }

  private:
    int levels_;
    std::vector<std::byte> memory_;
    PageTables tables_;
};

TEST(PageTables, MapAPageForWhoeverHasIt) {
    for (const bool is_64_bit : {true, false}) {
        Tables tables(is_64_bit);
        const std::uint64_t kernel = is_64_bit ? 0xffffffff80001000 : 0xc0001000, entry = kernel + page_size;
        tables->map(Virtual{0x400000}, Physical{0x100000}, user_data, true);
        tables->map(Virtual{kernel}, Physical{0x200000}, kernel_text, false);
        tables->map(Virtual{entry}, Physical{0x300000}, kernel_text, true);
        tables->finish();
        EXPECT_EQ(number(tables->user_root()), number(tables->root()) | GATECRASH_USER_ROOT);
        for (const auto root : {tables->root(), tables->user_root()}) {
            const bool is_kernels = root == tables->root();
            constexpr auto no_execute = std::uint64_t{1} << 63;
            EXPECT_EQ(tables.walk(root, 0x400000), 0x100067 | no_execute) << "present, writable, the user's, used";
            EXPECT_EQ(tables.walk(root, kernel), is_kernels ? 0x200061 : 0);
            EXPECT_EQ(tables.walk(root, entry), 0x300061);
            EXPECT_EQ(tables.walk(root, entry + page_size), 0);
            EXPECT_EQ(tables.walk(root, 0x401000), 0);
        }
    }
}

TEST(PageTables, ShareWhatIsTheSame) {
    Tables tables(true);
    tables->map(Virtual{0x400000}, Physical{0x100000}, user_data, true);
    tables->finish();
    EXPECT_EQ(tables.count(), 2U + 3) << "two roots, and three tables that both use";

    Tables apart(true);
    apart->map(Virtual{0x400000}, Physical{0x100000}, user_data, true);
    apart->map(Virtual{0x401000}, Physical{0x200000}, kernel_text, false);
    apart->finish();
    EXPECT_EQ(apart.count(), 2U + 2 * 3) << "the user lacks one page of the last table";

    Tables none(true);
    none->map(Virtual{0x400000}, Physical{0x100000}, kernel_text, false);
    none->finish();
    EXPECT_EQ(none.count(), 2U + 3) << "the user has no page";
    EXPECT_EQ(none.walk(none->user_root(), 0x400000), 0);
}

TEST(PageTables, AreIntactUntilAnyWordChanges) {
    for (const bool is_64_bit : {true, false}) {
        Tables tables(is_64_bit);
        tables->map(Virtual{0x400000}, Physical{0x100000}, user_data, true);
        tables->map(Virtual{0x80000000}, Physical{0x200000}, kernel_text, false);
        tables->finish();
        EXPECT_TRUE(tables->are_intact(tables.memory()));
        for (auto at = number(tables->root()); at < number(tables->end()); at += 8) {
            auto& word = tables.word(Physical{at});
            const bool is_compared = is_64_bit || at >= number(tables->root()) + 2 * page_size || at % page_size < 32;
            word ^= std::uint64_t{1} << 51;
            EXPECT_EQ(tables->are_intact(tables.memory()), !is_compared) << at;
            word ^= std::uint64_t{1} << 51;
        }
        EXPECT_TRUE(tables->are_intact(tables.memory()));
    }
}

TEST(PageTables, AreIntactThoughTheCpuMarksPaesTopLevel) {
    for (const bool is_64_bit : {true, false}) {
        Tables tables(is_64_bit);
        tables->map(Virtual{0x400000}, Physical{0x100000}, user_data, true);
        tables->finish();
        for (const auto root : {tables->root(), tables->user_root()}) {
            tables.word(root) ^= accessed;
            EXPECT_EQ(tables->are_intact(tables.memory()), !is_64_bit) << "other tables are marked from the start";
            tables.word(root) ^= accessed;
        }
    }
}

TEST(PageTables, NeedRoom) {
    Tables tables(true, 3 + 1 + 2 + 3);  // before the first page, one with the user's bit, the roots, three tables
    tables->map(Virtual{0x400000}, Physical{0x100000}, user_data, true);
    EXPECT_THROW(tables->map(Virtual{0x80000000}, Physical{0x200000}, kernel_text, false), ImageError);
}

}  // namespace
}  // namespace gatecrash::vm
