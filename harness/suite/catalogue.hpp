// The catalogue of reported entry bugs and surprising behaviours that cases cover.
#pragma once

#include <span>
#include <string_view>

namespace gatecrash::suite {

/// One bug or behaviour. The letter of its id is its group:
///
///     A NMI nesting               F SWAPGS and page tables
///     B IRET and espfix           G debug exceptions
///     C SYSCALL                   H INT3
///     D SYSENTER                  I context tracking
///     E 32-bit entry stack        J machine checks and stacks
///     N what other projects test  P later reports
struct CatalogueRow {
    std::string_view id;
    std::string_view name;
};

/// Returns every row, in the catalogue's order.
[[nodiscard]] std::span<const CatalogueRow> catalogue();

}  // namespace gatecrash::suite
