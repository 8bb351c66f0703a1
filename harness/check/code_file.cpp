#include "check/code_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "check/elf_code.hpp"
#include "kernel/boot_image.hpp"
#include "kernel/kallsyms.hpp"

namespace gatecrash::check {
namespace {

/// Symbols at the ends of ranges whose sections a linker script merged into others.
/// Linux: arch/x86/kernel, the linker script; include/asm-generic, its macros.
struct RangeSymbols {
    std::string_view section, begin, end;
};
constexpr RangeSymbols range_symbols[] = {
    {".entry.text", "__entry_text_start", "__entry_text_end"},
    {".noinstr.text", "__noinstr_text_start", "__noinstr_text_end"},
    {".cpuidle.text", "__cpuidle_text_start", "__cpuidle_text_end"},
    {"__jump_table", "__start___jump_table", "__stop___jump_table"},
    {".static_call_sites", "__start_static_call_sites", "__stop_static_call_sites"},
    {"__mcount_loc", "__start_mcount_loc", "__stop_mcount_loc"},
    {".altinstructions", "__alt_instructions", "__alt_instructions_end"},
};

/// Reads the kernel's own kallsyms, for a file without a symbol table.
void add_kallsyms(CodeFile& file) {
    for (const auto& range : file.ranges) {
        for (auto& symbol : kernel::read_kallsyms(range.bytes, vm::Virtual{range.address})) {
            const bool is_text = symbol.type == 'T' || symbol.type == 't' || symbol.type == 'W' || symbol.type == 'w';
            file.symbols.push_back({std::move(symbol.name), number(symbol.address), is_text});
        }
        if (!file.symbols.empty()) return;
    }
}

}  // namespace

std::vector<Range> CodeFile::find_ranges(std::string_view name) const {
    std::vector<Range> found;
    std::ranges::copy_if(ranges, std::back_inserter(found), [&](const Range& each) { return each.name == name; });
    if (!found.empty()) return found;
    for (const auto& each : range_symbols) {
        if (each.section != name) continue;
        const auto begin = find(each.begin), end = find(each.end);
        if (!begin || !end || *end <= *begin) continue;
        const auto bytes = at(*begin, *end - *begin);
        if (!bytes.empty() && bytes.size() == *end - *begin) found.push_back({std::string(name), *begin, bytes, true});
    }
    return found;
}

bool CodeFile::is_kernels_own(std::uint64_t address) const {
    return std::ranges::any_of(kernels_own, [&](const auto& range) { return range.contains(vm::Virtual{address}); });
}

std::optional<std::uint64_t> CodeFile::find(std::string_view name) const {
    const auto found = std::ranges::find(symbols, name, &CodeSymbol::name);
    return found == symbols.end() ? std::nullopt : std::optional(found->address);
}

const CodeSymbol* CodeFile::symbol_at(std::uint64_t address) const {
    const auto found = std::ranges::lower_bound(symbols, address, {}, &CodeSymbol::address);
    return found != symbols.end() && found->address == address ? &*found : nullptr;
}

std::string CodeFile::name_of(std::uint64_t address) const {
    const auto after = std::ranges::upper_bound(symbols, address, {}, &CodeSymbol::address);
    const auto* range = range_of(address);
    if (after == symbols.begin()) return fmt::format("{:#x}", address);
    const auto base = std::prev(after)->address;
    if (range != nullptr && base < range->address) {
        return fmt::format("{}+{:#x}", range->name, address - range->address);
    }
    const auto& symbol = *std::ranges::lower_bound(symbols, base, {}, &CodeSymbol::address);
    return address == base ? symbol.name : fmt::format("{}+{:#x}", symbol.name, address - base);
}

const Range* CodeFile::range_of(std::uint64_t address) const {
    const auto found =
        std::ranges::find_if(ranges, [&](const Range& each) { return each.is_loaded && each.contains(address); });
    return found == ranges.end() ? nullptr : &*found;
}

std::span<const std::byte> CodeFile::at(std::uint64_t address, std::size_t size) const {
    const auto* range = range_of(address);
    if (range == nullptr) return {};
    const auto rest = range->bytes.subspan(address - range->address);
    return rest.first(std::min(rest.size(), size));
}

CodeFile read_code_file(kernel::Bytes file, const std::string& name) {
    try {
        CodeFile code;
        const bool is_packed = kernel::is_bzimage(file);
        code.content = is_packed ? std::move(kernel::read_boot_image(std::move(file), "it").elf) : std::move(file);
        read_elf_code(code);
        if (code.symbols.empty()) add_kallsyms(code);
        if (code.symbols.empty())
            throw kernel::ImageError(
                "no symbols: it is stripped. Name the file before strip(1), as the link leaves it");
        std::ranges::stable_sort(code.symbols, [](const CodeSymbol& one, const CodeSymbol& other) {
            if (one.address != other.address) return one.address < other.address;
            return one.is_function && !other.is_function;
        });
        return code;
    } catch (const kernel::ImageError& error) {
        throw kernel::ImageError(name + ": " + error.what());
    }
}

}  // namespace gatecrash::check
