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
#include "vm/page_tables.hpp"

namespace gatecrash::vm {

using Page = std::array<std::byte, page_size>;

struct SavedPage {
    std::uint64_t number;  ///< its physical address in pages
    std::shared_ptr<const Page> content;
};
/// The content of every page that the guest has written to, by ascending number. All other pages are as at boot.
/// Successive snapshots share equal pages.
using PageSet = std::vector<SavedPage>;

/// A guest's physical memory: the image, page tables for it, and two pages of the harness's own (see harness_pages()).
///
/// KVM's dirty ring tells which pages the guest has written to since boot. It is reset only when it is full, so a page
/// usually costs one fault in a whole sweep. Saving and restoring look only at these pages, and at their content.
/// docs/explanation/speed.md has the figures of this way and of the others.
class GuestMemory {
  public:
    explicit GuestMemory(const Image& image);

    /// Shows the memory to `vm`. Pages that no segment may write are in read-only slots.
    void attach(kvm::Vm& vm);
    /// Removes the memory from `vm`.
    void detach(kvm::Vm& vm) const;
    /// Makes each page the guest's own. Otherwise the host's kernel replaces a page that this program writes for the
    /// first time, and KVM has to map it again.
    void own_all_pages();
    /// Makes KVM unmap all pages, as the host may do at any time. The guest's next use of each is a fault for KVM.
    void unmap() const;
    /// Follows which pages `cpu` writes, the vCPU of that virtual machine. Without a dirty ring every writable page
    /// counts as written.
    void watch(kvm::Vcpu& cpu);

    /// Returns a value for CR3. The kernel's root maps everything; the user's root maps user memory and the entry area.
    [[nodiscard]] Physical page_table_root() const { return tables_.root(); }
    [[nodiscard]] Physical user_page_table_root() const { return tables_.user_root(); }
    [[nodiscard]] std::array<Physical, 2> roots() const { return {page_table_root(), user_page_table_root()}; }
    /// Returns two read-only executable pages at Image::harness_address(), which only the harness knows. Steppers use
    /// them.
    [[nodiscard]] std::span<std::byte> harness_pages();

    /// True if the page tables are as the harness made them. A guest that uses page tables of its own can map and write
    /// anything, and snapshots do not hold page tables.
    [[nodiscard]] bool page_tables_intact() const;
    void repair_page_tables();

    /// Returns the physical address that the harness mapped `address` to, whatever the guest did to its page tables
    /// since. Empty if the harness did not map it.
    [[nodiscard]] std::optional<Physical> translate(Virtual address) const;
    /// Copies memory, whatever its rights. False if not all of it is mapped; `to` is unspecified then.
    [[nodiscard]] bool read(Virtual address, std::span<std::byte> to) const;
    /// Returns the `size` bytes at `address`, which must be in one page, without copying them. Empty if they are not
    /// mapped.
    [[nodiscard]] std::span<const std::byte> view(Virtual address, std::size_t size) const {
        const auto physical = translate(address);
        return physical ? std::span<const std::byte>(at(*physical), size) : std::span<const std::byte>();
    }
    /// Returns where the first page of [from, end) begins that the guest or write() may have written since boot. That
    /// is `from` itself if it is in such a page. Empty if there is none.
    [[nodiscard]] std::optional<Virtual> next_written(Virtual from, Virtual end);
    /// Writes memory, whatever its rights. False, with nothing written, if not all of it is mapped.
    [[nodiscard]] bool write(Virtual address, std::span<const std::byte> from);
    /// Returns a number that each write() increases if it changes memory which snapshots hold.
    [[nodiscard]] std::uint64_t writes() const { return writes_; }
    template <typename T>
    [[nodiscard]] std::optional<T> read(Virtual address) const {
        T value;
        if (!read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
        return value;
    }

    /// Returns the content of all written pages. It shares pages that equal those of `base`, instead of copying them.
    [[nodiscard]] PageSet save(const PageSet* base);
    /// Makes all memory equal to `pages`. Writes only pages that differ.
    void restore(const PageSet& pages);
    /// Copies memory as it was when `pages` was saved. False if not all of it is mapped; `to` is unspecified then.
    [[nodiscard]] bool read_saved(const PageSet& pages, Virtual address, std::span<std::byte> to) const;
    /// Returns the content that a page had when `pages` was saved.
    [[nodiscard]] const std::byte* saved_page(const PageSet& pages, std::uint64_t page) const;
    /// Returns the content that a page has at boot.
    [[nodiscard]] const std::byte* boot_page(std::uint64_t page) const { return boot_.data() + page * page_size; }
    /// Returns the number of writable pages that are not as at boot, though KVM did not report that the guest wrote
    /// them. Not 0 means that snapshots miss something.
    [[nodiscard]] std::size_t count_unreported();
    /// Returns the writable pages that differ from `since`, though KVM did not report them since the last call of this
    /// or another function. Needs Vcpu::reset_ring() at that time.
    [[nodiscard]] std::vector<std::uint64_t> unreported(const PageSet& since);
    /// True if all memory equals `pages`, which may come from another guest with the same image.
    [[nodiscard]] bool equals(const PageSet& pages) { return !first_difference(pages); }
    struct Difference {
        Physical address;
        std::byte now, then;
    };
    /// Returns the first byte that differs from `pages`. Empty if none does.
    [[nodiscard]] std::optional<Difference> first_difference(const PageSet& pages);

  private:
    enum class Use : std::uint8_t { nothing, read_only, read_write, page_table };
    /// Neighbouring pages that the harness has mapped to neighbours.
    struct Mapped {
        Virtual begin{};
        std::uint64_t size = 0;  ///< bytes
        Physical physical{};
    };
    [[nodiscard]] const Mapped* mapped_at(Virtual address) const;
    /// Returns what KVM has reported since the last call.
    std::vector<std::uint64_t> find_written();
    void add_written(std::uint64_t page);
    [[nodiscard]] std::byte* at(Physical address) const { return memory_.data() + number(address); }
    [[nodiscard]] std::byte* page_at(std::uint64_t page) const { return memory_.data() + page * page_size; }

    kvm::Mapping boot_;           ///< the memory as at boot; the guest never sees it
    kvm::Mapping memory_;         ///< the guest's memory: the host's kernel copies a page of boot_ when it is written
    std::vector<Use> uses_;       ///< indexed by physical page
    std::vector<Mapped> mapped_;  ///< what the kernel's page tables say; walking them would touch more memory
    kvm::Vcpu* cpu_ = nullptr;
    std::vector<std::uint64_t> first_pages_;  ///< the first page of each memory slot
    std::vector<std::uint64_t> written_;      ///< page numbers, ascending
    std::uint64_t writes_ = 0;
    PageTables tables_;
    Physical harness_pages_{};
};

}  // namespace gatecrash::vm
