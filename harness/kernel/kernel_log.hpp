// The log of a kernel, which printk() writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gatecrash/address.hpp"
#include "kernel/address_range.hpp"
#include "kernel/btf.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::kernel {

/// Where a kernel keeps its log, and in which form.
struct KernelLog {
    AddressRange text;                  ///< the buffer with the text of all records
    std::optional<vm::Virtual> ring;    ///< the pointer to the ring of records
    std::vector<std::uint32_t> layout;  ///< offsets and sizes, in the order of ring_members in kernel_log.cpp

    bool operator==(const KernelLog&) const = default;
};

/// Finds the log by the kernel's symbols and, for the ring, by its types.
[[nodiscard]] KernelLog find_log(const vm::SymbolTable& symbols, const std::optional<Btf>& types);

/// Copies bytes of the kernel's memory, and returns how many could be read.
using ReadMemory = std::function<std::size_t(vm::Virtual, std::span<std::byte>)>;

/// Returns the last `lines` lines of the log, each with a newline. Without the layout of the ring, a line can have
/// leftovers of an older one at its end.
[[nodiscard]] std::string read_log(const KernelLog& log, const ReadMemory& read, std::size_t lines);

}  // namespace gatecrash::kernel
