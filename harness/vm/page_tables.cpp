#include "vm/page_tables.hpp"

#include <algorithm>

#include "vm/boot/image.hpp"

namespace gatecrash::vm {
namespace {

// Page-table entry bits (APM volume 2, 5.3.3), the same in long mode and with PAE. Accessed and dirty bits are set from
// the start. So the CPU has nothing to write into page tables, and snapshots need not hold them. The dirty bit also
// makes a page that is not writable a shadow stack, if shadow stacks are on (SDM volume 3, 4.6.1).
constexpr std::uint64_t present = 1, writable_bit = 2, user_bit = 4, accessed = 0x20, dirty = 0x40;
constexpr std::uint64_t no_execute = std::uint64_t{1} << 63;
constexpr std::uint64_t address_mask = 0x000ffffffffff000;
constexpr std::size_t entries_a_table = 512;
/// Entries of PAE's top level have no rights: the bits are reserved (SDM volume 3, 4.4.1).
constexpr int levels_of_64_bits = 4, levels_of_pae = 3;

/// Returns how many bytes an entry of `level` maps; level 0 maps pages.
constexpr std::uint64_t span_of(int level) { return page_size << 9 * level; }
/// Returns an address as page tables translate it, without its sign extension.
constexpr std::uint64_t translated(Virtual address) { return number(address) & 0x0000ffffffffffff; }

}  // namespace

PageTables::PageTables(std::span<std::byte> memory, Physical first, bool is_64_bit)
    : memory_(memory), levels_(is_64_bit ? levels_of_64_bits : levels_of_pae), root_(first), end_(first) {
    while ((number(root_) & GATECRASH_USER_ROOT) != 0) root_ = Physical{number(root_) + page_size};
    end_ = root_;
    (void)allocate();
    (void)allocate();
}

std::uint64_t* PageTables::entries_of(Physical table) const {
    return reinterpret_cast<std::uint64_t*>(memory_.data() + number(table));
}

Physical PageTables::allocate() {
    if (number(end_) + page_size > memory_.size())
        throw ImageError("the image is too scattered: no room for its page tables");
    const auto page = end_;
    end_ = Physical{number(end_) + page_size};
    return page;
}

void PageTables::map(Virtual address, Physical physical, Rights rights, bool for_user) {
    if (for_user) users_pages_.insert(translated(address));
    auto table = root_;
    for (int level = levels_ - 1; level > 0; --level) {
        auto& entry = entries_of(table)[translated(address) / span_of(level) % entries_a_table];
        if ((entry & present) == 0) {
            const bool has_rights = level < levels_of_pae - 1 || levels_ == levels_of_64_bits;
            entry = number(allocate()) | present | (has_rights ? accessed | writable_bit | user_bit : 0);
        }
        table = Physical{entry & address_mask};
    }
    entries_of(table)[translated(address) / page_size % entries_a_table] =
        number(physical) | present | accessed | dirty | (rights.writable ? writable_bit : 0) |
        (rights.user ? user_bit : 0) | (rights.executable ? 0 : no_execute);
}

/// Returns what the user's tables have for an `entry` of the kernel's, which maps memory from `address` on. That is the
/// same entry if the user has all of this memory, and 0 if the user has none of it.
std::uint64_t PageTables::users_entry(std::uint64_t entry, int level, std::uint64_t address) {
    if ((entry & present) == 0) return 0;
    if (level == 0) return users_pages_.contains(address) ? entry : 0;
    const auto* const kernels = entries_of(Physical{entry & address_mask});
    std::array<std::uint64_t, entries_a_table> users{};
    for (std::size_t i = 0; i < users.size(); ++i)
        users.at(i) = users_entry(kernels[i], level - 1, address + i * span_of(level - 1));
    if (std::ranges::equal(users, std::span(kernels, users.size()))) return entry;
    if (std::ranges::all_of(users, [](auto each) { return each == 0; })) return 0;
    const auto table = allocate();
    std::ranges::copy(users, entries_of(table));
    return (entry & ~address_mask) | number(table);
}

void PageTables::finish() {
    const auto top = levels_ - 1;
    for (std::size_t i = 0; i < entries_a_table; ++i)
        entries_of(user_root())[i] = users_entry(entries_of(root_)[i], top, i * span_of(top));
    if (levels_ == levels_of_pae) {
        std::copy_n(entries_of(root_), pae_entries, pae_roots_.at(0).begin());
        std::copy_n(entries_of(user_root()), pae_entries, pae_roots_.at(1).begin());
    }
    copy_ = SparseCopy(memory_.subspan(number(first_compared()), number(end_) - number(first_compared())));
    memory_ = {};
    users_pages_.clear();
}

/// Returns the first table of which every word is compared.
Physical PageTables::first_compared() const {
    return levels_ == levels_of_pae ? Physical{number(user_root()) + page_size} : root_;
}

bool PageTables::are_intact(std::span<const std::byte> memory) const {
    auto root = number(root_);
    for (const auto& then : pae_roots_) {
        if (levels_ != levels_of_pae) break;
        // These entries have no accessed bit, but QEMU 7.2 sets it anyway.
        const auto* const now = reinterpret_cast<const std::uint64_t*>(memory.data() + root);
        const auto same = [](auto entry_then, auto entry_now) { return entry_then == (entry_now & ~accessed); };
        if (!std::equal(then.begin(), then.end(), now, same)) return false;
        root += page_size;
    }
    return copy_.equals(memory.data() + number(first_compared()));
}

}  // namespace gatecrash::vm
