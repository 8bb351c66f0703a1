#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "gatecrash/address.hpp"
#include "kvm/mapping.hpp"
#include "kvm/vm.hpp"
#include "vm/memory.hpp"

namespace gatecrash::kernel {

/// A word of memory that differs between two states.
struct WordChange {
    vm::Physical at;  ///< a multiple of 8
    std::uint64_t now, then;
};

/// Keeps states of a guest's memory. A state has copies of the pages that differ from the first one.
class MemoryStates {
  public:
    /// The memory as it is now becomes the first state; `first` has the same bytes. `slot` is the logged slot of
    /// `memory`, which begins at guest-physical 0.
    MemoryStates(const kvm::Vm& vm, std::uint32_t slot, std::span<std::byte> memory, kvm::Mapping first);

    /// Returns the memory as it is now. Pages that are as in `earlier`, a state of this memory, are shared with it.
    [[nodiscard]] vm::PageSet save(const vm::PageSet& earlier = {});
    /// Makes the memory what it was at save(). Writes only bytes that differ: a host's write to a page of code makes an
    /// emulator translate the code again.
    void restore(const vm::PageSet& pages);
    /// Call it after each run of the guest, and if the host has written in another way than through this.
    void expect_writes() { expects_writes_ = true; }
    /// Notes that the host has written to a page. KVM reports only what the guest writes.
    void add_written(std::uint64_t page);
    /// Replaces bytes of one page, in the memory and in all states that have no copy of this page. So no state differs
    /// by them. Leaves those alone that are not as in `from`, which is as long as `to`.
    void replace(vm::Physical at, std::span<const std::byte> from, std::span<const std::byte> to);
    /// Returns the 8-byte words that differ from `pages`, in order of their addresses. Leaves out the pages of which
    /// `ignored` is true. It may be shorter than the memory.
    [[nodiscard]] std::vector<WordChange> differences(const vm::PageSet& pages, const std::vector<bool>& ignored);
    /// True if the memory is as it was at save().
    [[nodiscard]] bool equals(const vm::PageSet& pages);

  private:
    /// A page that can differ from the first state.
    struct HotPage {
        std::uint64_t number;
        std::uint32_t same = 0;  ///< how many calls of restore() in a row found nothing to write
        /// The memory is known to be as these bytes. Null: nothing is known. It holds up to expect_writes().
        const std::byte* like = nullptr;

        [[nodiscard]] bool operator<(const HotPage& other) const { return number < other.number; }
    };
    /// Adds the pages that the guest has written since the last call to `hot_`.
    void find_hot_pages();
    /// Lets KVM report anew the pages that no run has written for a long time.
    void cool_pages();
    [[nodiscard]] bool is_known(std::uint64_t page) const { return (known_[page / 64] >> page % 64 & 1) != 0; }
    /// Calls `visit(page, its bytes in pages, their owner)` for each page that can differ. The owner is null if
    /// the bytes are those of the first state.
    template <typename Visit>
    void each_hot_page(const vm::PageSet& pages, const Visit& visit);
    /// True if the page is as `then`.
    [[nodiscard]] bool is_like(HotPage& page, const std::byte* then);
    [[nodiscard]] std::byte* now(std::uint64_t page) const { return memory_.data() + page * vm::page_size; }
    [[nodiscard]] const std::byte* first(std::uint64_t page) const { return first_.data() + page * vm::page_size; }

    const kvm::Vm& vm_;
    std::uint32_t slot_;
    std::span<std::byte> memory_;
    kvm::Mapping first_;
    bool expects_writes_ = true;
    std::vector<std::uint64_t> known_;                 ///< a bitmap of `hot_`
    std::vector<HotPage> hot_;                         ///< in order. All other pages are as in the first state
    std::uint32_t restores_ = 0;                       ///< since cool_pages() was called
    std::map<std::uint64_t, std::uint32_t> patience_;  ///< how often pages must be the same before they cool again
};

}  // namespace gatecrash::kernel
