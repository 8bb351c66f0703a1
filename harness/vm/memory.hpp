#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gatecrash/address.hpp"
#include "kvm/mapping.hpp"
#include "kvm/vcpu.hpp"
#include "kvm/vm.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::vm {

using Page = std::array<std::byte, page_size>;

struct SavedPage {
    std::uint64_t number;  ///< its physical address in pages
    std::shared_ptr<const Page> content;
};
/// The content of every page that the guest had written to, by ascending number; all others are as at boot. Equal pages
/// of successive snapshots are one object.
using PageSet = std::vector<SavedPage>;

/// A guest's physical memory: the image, page tables for it, and two pages of the harness's own (see harness_pages()).
///
/// KVM's dirty ring tells which pages the guest has written to since boot. It is never reset, so that a page costs one
/// fault in a whole sweep; saving and restoring look at these pages only, and at their content.
/// docs/explanation/speed.md has the figures of this and of the other ways.
class GuestMemory {
  public:
    explicit GuestMemory(const Image& image);

    /// Shows the memory to `vm`: what no segment may write is in read-only slots.
    void attach(kvm::Vm& vm);
    /// Takes the memory away from `vm` again.
    void detach(kvm::Vm& vm) const;
    /// Follows what `cpu`, the one of that virtual machine, writes. Without a dirty ring every page that can be written
    /// counts as written.
    void watch(kvm::Vcpu& cpu);

    /// What CR3 has to hold: everything is mapped by the kernel's root; by the user's, user memory and the entry area.
    [[nodiscard]] Physical page_table_root() const { return page_table_root_; }
    [[nodiscard]] Physical user_page_table_root() const {
        return Physical{number(page_table_root_) | GATECRASH_USER_ROOT};
    }
    [[nodiscard]] std::array<Physical, 2> roots() const { return {page_table_root(), user_page_table_root()}; }
    /// Two read-only executable pages that only the harness knows of, at Image::harness_address(): for steppers.
    [[nodiscard]] std::span<std::byte> harness_pages();

    /// Whether the page tables are as the harness made them. A guest that takes page tables of its own can map and
    /// write anything; page tables are not part of snapshots.
    [[nodiscard]] bool page_tables_intact() const;
    void repair_page_tables();

    /// Where `address` is mapped by what the harness made, whatever the guest did to its page tables since. Empty if it
    /// is not.
    [[nodiscard]] std::optional<Physical> translate(Virtual address) const;
    /// Copies memory of any rights. False, and nothing done, if not all of it is mapped.
    [[nodiscard]] bool read(Virtual address, std::span<std::byte> to) const;
    /// Returns the `size` bytes at `address`, which are in one page, without copying them; empty if they are not
    /// mapped.
    [[nodiscard]] std::span<const std::byte> view(Virtual address, std::size_t size) const {
        const auto physical = translate(address);
        return physical ? std::span<const std::byte>(at(*physical), size) : std::span<const std::byte>();
    }
    [[nodiscard]] bool write(Virtual address, std::span<const std::byte> from);
    /// Counts the calls of write() that changed memory which snapshots hold.
    [[nodiscard]] std::uint64_t writes() const { return writes_; }
    template <typename T>
    [[nodiscard]] std::optional<T> read(Virtual address) const {
        T value;
        if (!read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
        return value;
    }

    /// The content of all written pages. Pages equal to those of `base` are shared with it, not copied.
    [[nodiscard]] PageSet save(const PageSet* base);
    /// Makes all memory equal to `pages`, writing only what differs.
    void restore(const PageSet& pages);
    /// Copies memory as it was when `pages` was saved. False if not all of it is mapped; `to` is unspecified then.
    [[nodiscard]] bool read_saved(const PageSet& pages, Virtual address, std::span<std::byte> to) const;
    /// The content that a page had when `pages` was saved.
    [[nodiscard]] const std::byte* saved_page(const PageSet& pages, std::uint64_t page) const;
    /// The content that a page has at boot.
    [[nodiscard]] const std::byte* boot_page(std::uint64_t page) const { return boot_.data() + page * page_size; }
    /// Whether all memory equals `pages`, which may be another guest's with the same image.
    [[nodiscard]] bool equals(const PageSet& pages) { return !first_difference(pages); }
    struct Difference {
        Physical address;
        std::byte now, then;
    };
    /// The first byte that does not equal that of `pages`.
    [[nodiscard]] std::optional<Difference> first_difference(const PageSet& pages);

  private:
    enum class Use : std::uint8_t { nothing, read_only, read_write, page_table };
    void find_written();
    void add_written(std::uint64_t page);
    [[nodiscard]] std::byte* at(Physical address) const { return memory_.data() + number(address); }
    [[nodiscard]] std::byte* page_at(std::uint64_t page) const { return memory_.data() + page * page_size; }
    [[nodiscard]] Physical allocate_page();
    struct Rights {
        bool writable, executable, user;
    };
    void map_page(Physical root, Virtual address, Physical physical, Rights rights);

    int levels_;             ///< of page tables
    kvm::Mapping boot_;      ///< as at boot; the guest never sees it
    kvm::Mapping memory_;    ///< private copies, made by the host's kernel, of the pages of boot_ that were written
    std::vector<Use> uses_;  ///< by physical page
    kvm::Vcpu* cpu_ = nullptr;
    std::vector<std::uint64_t> first_pages_;  ///< of the memory slots
    std::vector<std::uint64_t> written_;      ///< page numbers, ascending
    std::uint64_t writes_ = 0;
    std::uint64_t next_free_ = 0;
    Physical page_table_root_{};
    Physical harness_pages_{};
};

}  // namespace gatecrash::vm
