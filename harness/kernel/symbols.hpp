// The symbols of a kernel, wherever they come from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/boot_image.hpp"
#include "kernel/kallsyms.hpp"

namespace gatecrash::kernel {

/// Returns the build ID in the notes of a kernel, which points into it; empty if it has none.
[[nodiscard]] std::string_view build_id(const BootImage& image);

/// Reads a System.map: lines of address, type and name, as nm(1) writes them. Throws ImageError for anything else, and
/// for the placeholder that distributions ship in its place.
[[nodiscard]] std::vector<KernelSymbol> read_system_map(std::string_view text);

/// Writes what read_system_map() reads.
[[nodiscard]] std::string to_system_map(const std::vector<KernelSymbol>& symbols);

/// Reads the symbol table of a vmlinux. Throws ImageError if it is stripped.
[[nodiscard]] std::vector<KernelSymbol> read_symbol_table(const BootImage& vmlinux);

/// Returns the symbol table of an image, or nothing if it is stripped or no ELF file.
[[nodiscard]] std::vector<KernelSymbol> symbols_if_any(const BootImage& image);

/// Returns the kernel's own kallsyms. Throws ImageError if it has none.
[[nodiscard]] std::vector<KernelSymbol> own_symbols(const BootImage& kernel);

/// Returns the symbols in `file`, a System.map or a vmlinux for `kernel`. `name` is for messages. Throws ImageError if
/// it is neither, or belongs to another kernel. It compares the build ID of a vmlinux. If there is none, and for a
/// System.map, it compares the address of `linux_banner`.
[[nodiscard]] std::vector<KernelSymbol> symbols_from(Bytes file, const std::string& name, const BootImage& kernel);

/// Returns the same symbols for vm::SymbolTable. Where several have one address, a function gives the name.
[[nodiscard]] std::vector<vm::Symbol> named(std::vector<KernelSymbol> symbols);
/// Returns the same symbols for lookups.
[[nodiscard]] vm::SymbolTable symbol_table(std::vector<KernelSymbol> symbols);

}  // namespace gatecrash::kernel
