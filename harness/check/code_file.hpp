// A file with machine code: its sections, its symbols and its bytes at their addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/address_range.hpp"
#include "kernel/payload.hpp"

namespace gatecrash::check {

/// A named run of bytes of the file.
struct Range {
    std::string name;
    std::uint64_t address = 0;
    std::span<const std::byte> bytes;
    bool is_loaded = true;  ///< false for notes that no program loads, which can have the address of something else

    [[nodiscard]] std::uint64_t end() const { return address + bytes.size(); }
    [[nodiscard]] bool contains(std::uint64_t where) const { return where - address < bytes.size(); }
};

struct CodeSymbol {
    std::string name;
    std::uint64_t address = 0;
    bool is_function = false;
};

/// An ELF file as a linker or a boot loader would see it. In a relocatable object, each section and each symbol of
/// another file has an address that only this program knows, and relocations are applied. So code that reads this
/// needs no difference between objects and linked files.
struct CodeFile {
    CodeFile() = default;
    CodeFile(CodeFile&&) = default;
    CodeFile& operator=(CodeFile&&) = default;
    CodeFile(const CodeFile&) = delete;
    CodeFile& operator=(const CodeFile&) = delete;
    ~CodeFile() = default;

    kernel::Bytes content;  ///< the unpacked file; the ranges are parts of it
    unsigned bits = 64;     ///< 32 or 64
    bool is_linked = true;  ///< not a relocatable object
    std::vector<Range> ranges;
    std::vector<CodeSymbol> symbols;  ///< by address; at one address, functions come first
    /// Addresses that only the kernel's page tables map. A guest's program headers tell (GATECRASH_PF_ENTRY_AREA).
    std::vector<kernel::AddressRange> kernels_own;

    /// Returns the sections with that name. A linked Linux kernel has no sections of entry code any more, but symbols
    /// at their ends, and these are used.
    [[nodiscard]] std::vector<Range> find_ranges(std::string_view name) const;
    /// Returns the address of a symbol.
    [[nodiscard]] std::optional<std::uint64_t> find(std::string_view name) const;
    /// Returns the first symbol at exactly `address`, or null.
    [[nodiscard]] const CodeSymbol* symbol_at(std::uint64_t address) const;
    /// Returns "SYMBOL" or "SYMBOL+0xOFFSET".
    [[nodiscard]] std::string name_of(std::uint64_t address) const;
    /// Returns the loaded range with that address, or null.
    [[nodiscard]] const Range* range_of(std::uint64_t address) const;
    /// True if only the kernel's page tables map that address.
    [[nodiscard]] bool is_kernels_own(std::uint64_t address) const;
    /// Returns at most `size` bytes at `address`: fewer at the end of a range, none outside of ranges.
    [[nodiscard]] std::span<const std::byte> at(std::uint64_t address, std::size_t size) const;
};

/// Reads an ELF executable, a relocatable object, a vmlinux or a bzImage for x86. `name` is for messages. Throws
/// kernel::ImageError with the reason and the remedy, for example for a file that is truncated or stripped.
[[nodiscard]] CodeFile read_code_file(kernel::Bytes file, const std::string& name);

}  // namespace gatecrash::check
