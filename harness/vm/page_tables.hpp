#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "gatecrash/abi.h"
#include "gatecrash/address.hpp"
#include "vm/sparse_copy.hpp"

namespace gatecrash::vm {

/// Says what a mapping allows.
struct Rights {
    bool writable, executable, user;
};

/// The page tables that a guest is booted with, in its own memory. There are two roots: the kernel's maps everything,
/// the user's only a part. The two share each table that would be the same.
class PageTables {
  public:
    PageTables() = default;
    /// Makes empty tables in `memory`, the guest's, from the page `first` on. All of that memory must be 0.
    PageTables(std::span<std::byte> memory, Physical first, bool is_64_bit);

    /// Maps a page for the kernel, and if `for_user` also in the user's root. Throws ImageError if there is no room.
    void map(Virtual address, Physical physical, Rights rights, bool for_user);
    /// Makes the user's tables, after all map(). Throws ImageError if there is no room.
    void finish();

    /// Returns a value for CR3.
    [[nodiscard]] Physical root() const { return root_; }
    /// The address of the user's root is that of the kernel's with one bit set.
    [[nodiscard]] Physical user_root() const { return Physical{number(root_) | GATECRASH_USER_ROOT}; }
    /// Returns the end of the tables, which begin at root().
    [[nodiscard]] Physical end() const { return end_; }

    /// True if the tables in `memory`, now the guest's, are as they were when finish() was called.
    [[nodiscard]] bool are_intact(std::span<const std::byte> memory) const;

  private:
    /// Entries of PAE's top level.
    static constexpr std::size_t pae_entries = 4;

    [[nodiscard]] std::uint64_t* entries_of(Physical table) const;
    [[nodiscard]] Physical allocate();
    [[nodiscard]] std::uint64_t users_entry(std::uint64_t entry, int level, std::uint64_t address);
    [[nodiscard]] Physical first_compared() const;

    std::span<std::byte> memory_;  ///< only until finish()
    int levels_ = 0;
    Physical root_{}, end_{};
    std::set<std::uint64_t> users_pages_;  ///< addresses without their sign extension, until finish()
    std::array<std::array<std::uint64_t, pae_entries>, 2> pae_roots_{};
    SparseCopy copy_;  ///< of the tables from first_compared() on
};

}  // namespace gatecrash::vm
