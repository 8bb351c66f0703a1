#include "kernel/page_walk.hpp"

#include <cstring>

#include "vm/state/cpu_mode.hpp"

namespace gatecrash::kernel {
namespace {

/// A way in which CPUs translate addresses.
struct Paging {
    unsigned levels, bits_a_level;
    std::size_t entry_size;  ///< bytes
    unsigned largest;        ///< tables up to this level, from 1 on, can map pages themselves
    std::uint64_t root;      ///< the part of CR3 that is an address
};

constexpr std::uint64_t frame = vm::cr3_address;

Paging paging_of(const kvm_sregs& sregs) {
    constexpr unsigned with_pages_of_1_gib = 3, with_large_pages = 2, without = 1;
    if (vm::is_long_mode(sregs))
        return {(sregs.cr4 & vm::cr4_la57) != 0 ? 5U : 4U, 9, 8, with_pages_of_1_gib, sregs.cr3 & frame};
    if ((sregs.cr4 & vm::cr4_pae) != 0) return {3, 9, 8, with_large_pages, sregs.cr3 & 0xffffffe0};
    return {2, 10, 4, (sregs.cr4 & vm::cr4_pse) != 0 ? with_large_pages : without, sregs.cr3 & 0xfffff000};
}

/// Returns where a page of 4 MiB is. Bits 13 to 20 of its entry are the bits 32 to 39 of that address (SDM volume 3,
/// figure 4-4).
std::uint64_t large_page_of_32_bits(std::uint64_t entry) { return (entry & 0xffc00000) | (entry & 0x1fe000) << 19; }

std::optional<vm::Physical> walk_tables(std::span<const std::byte> memory, const Paging& paging, vm::Virtual address) {
    constexpr std::uint64_t present = 1, large = 0x80;
    constexpr unsigned page_bits = 12;
    auto table = paging.root;
    for (auto level = paging.levels; level > 0; --level) {
        const auto shift = page_bits + paging.bits_a_level * (level - 1);
        const auto index = number(address) >> shift & ((1U << paging.bits_a_level) - 1);
        std::uint64_t entry = 0;
        const auto at = table + index * paging.entry_size;
        if (at > memory.size() - paging.entry_size) return {};
        std::memcpy(&entry, memory.data() + at, paging.entry_size);
        if ((entry & present) == 0) return {};
        if (level == 1 || (level <= paging.largest && (entry & large) != 0)) {
            const auto offset = (std::uint64_t{1} << shift) - 1;
            const bool is_of_4_mib = level > 1 && paging.entry_size == sizeof(std::uint32_t);
            const auto page = is_of_4_mib ? large_page_of_32_bits(entry) : entry & frame & ~offset;
            return vm::Physical{page | (number(address) & offset)};
        }
        table = entry & frame;
    }
    return {};
}

}  // namespace

std::optional<vm::Physical> walk(std::span<const std::byte> memory, const kvm_sregs& sregs, vm::Virtual address) {
    if (!vm::is_long_mode(sregs) && number(address) > 0xffffffff) return {};
    if ((sregs.cr0 & vm::cr0_pg) == 0) return vm::Physical{number(address)};
    return walk_tables(memory, paging_of(sregs), address);
}

}  // namespace gatecrash::kernel
