#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "gatecrash/kvm/mapping.hpp"
#include "gatecrash/kvm/vm.hpp"
#include "gatecrash/machine/address.hpp"
#include "gatecrash/machine/image.hpp"

namespace gatecrash::machine {

using Page = std::array<std::byte, page_size>;

/// The content of every page the guest can write, in the order of GuestMemory::writable_pages(). Equal pages of
/// successive snapshots are one object.
using PageSet = std::vector<std::shared_ptr<const Page>>;

/// A guest's physical memory: the image, page tables for it, and two pages of the harness's own (see harness_pages()).
class GuestMemory {
  public:
    explicit GuestMemory(const Image& image);

    /// Shows the memory to `vm`: what no segment may write is in read-only slots.
    void attach(kvm::Vm& vm);

    /// What CR3 has to hold.
    [[nodiscard]] Physical page_table_root() const { return page_table_root_; }
    /// Two read-only executable pages that only the harness knows of, at the address `harness_address`: for steppers.
    [[nodiscard]] std::span<std::byte> harness_pages();
    static constexpr Virtual harness_address{0xffffffffc0000000};

    /// Whether the page tables are as the harness made them. A guest that takes page tables of its own can map and
    /// write anything; page tables are not part of snapshots.
    [[nodiscard]] bool page_tables_intact() const;
    void repair_page_tables();

    /// Where `address` is mapped by what the harness made, whatever the guest did to its page tables since. Empty if it
    /// is not.
    [[nodiscard]] std::optional<Physical> translate(Virtual address) const;
    /// Copies memory of any rights. False, and nothing done, if not all of it is mapped.
    [[nodiscard]] bool read(Virtual address, std::span<std::byte> to) const;
    [[nodiscard]] bool write(Virtual address, std::span<const std::byte> from);
    template <typename T>
    [[nodiscard]] std::optional<T> read(Virtual address) const {
        T value;
        if (!read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
        return value;
    }

    /// The content of all writable pages. Pages equal to those of `base` are shared with it, not copied.
    [[nodiscard]] PageSet save(const PageSet* base) const;
    /// Makes all writable pages equal to `pages`, writing only those that differ.
    void restore(const PageSet& pages);
    /// What read() would have given when `pages` was saved; as much of it as is writable memory.
    [[nodiscard]] std::vector<std::byte> read_saved(const PageSet& pages, Virtual address, std::size_t size) const;
    /// Whether all writable pages equal `pages`.
    [[nodiscard]] bool equals(const PageSet& pages) const;

  private:
    /// What the guest finds at a physical page, whatever maps it.
    enum class Slot : std::uint8_t { absent, read_only, read_write };
    struct MappedPage {
        Virtual address;
        Physical physical;
    };

    [[nodiscard]] std::byte* at(Physical address) const { return memory_.data() + number(address); }
    [[nodiscard]] std::span<std::byte> page_tables() const;
    [[nodiscard]] Physical allocate_page();
    void map_page(Virtual address, Physical physical, bool writable, bool executable);

    kvm::Mapping memory_;
    std::vector<Slot> slots_;  ///< by physical page
    std::unordered_map<std::uint64_t, Physical> mapped_;
    std::vector<std::byte> page_tables_as_made_;
    std::vector<MappedPage> writable_;
    std::uint64_t next_free_ = 0;
    Physical page_table_root_{};
    Physical harness_pages_{};
};

}  // namespace gatecrash::machine
