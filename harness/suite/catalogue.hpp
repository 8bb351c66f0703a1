// The catalogue of reported entry bugs and surprising behaviours that cases cover.
#pragma once

#include <span>
#include <string_view>

namespace gatecrash::suite {

/// One bug or behaviour. Letters group them: A NMI nesting, B IRET and espfix, C SYSCALL, D SYSENTER, E 32-bit entry
/// stack, F SWAPGS and page tables, G debug exceptions, H INT3, I context tracking, J machine checks and stacks, N what
/// other projects test.
struct CatalogueRow {
    std::string_view id;
    std::string_view name;
};

/// Returns every row, in the catalogue's order.
[[nodiscard]] std::span<const CatalogueRow> catalogue();

}  // namespace gatecrash::suite
