// The symbol table that a Linux kernel carries in its read-only data.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gatecrash/address.hpp"

namespace gatecrash::kernel {

/// A symbol of the kernel. Per-CPU symbols have their offset in the per-CPU area for an address.
struct KernelSymbol {
    char type = 0;  ///< as nm(1) prints it: T and t are text
    std::string name;
    vm::Virtual address{};
};

/// Decodes kallsyms in a segment of a kernel. The segment begins at `address`. Since 5.10, scripts/kallsyms.c has
/// written three layouts, and the decoder knows all of them. Offsets from a base stand before the names, or after them
/// (since 6.4). In 7.2 each offset is relative to its own place. Nothing marks the tables, so the decoder finds them by
/// their form. It accepts them only if all parts agree. Returns the symbols in the kernel's order, which is by address,
/// or nothing if the segment has no kallsyms.
[[nodiscard]] std::vector<KernelSymbol> read_kallsyms(std::span<const std::byte> segment, vm::Virtual address);

}  // namespace gatecrash::kernel
