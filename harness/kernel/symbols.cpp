#include "kernel/symbols.hpp"

#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "kernel/elf_reader.hpp"

namespace gatecrash::kernel {
namespace {

std::string hexadecimal(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return text.empty() ? "none" : text;
}

/// Returns the address of `name`, or nothing.
std::optional<vm::Virtual> find(const std::vector<KernelSymbol>& symbols, std::string_view name) {
    const auto found = std::ranges::find(symbols, name, &KernelSymbol::name);
    return found == symbols.end() ? std::nullopt : std::optional(found->address);
}

/// Refuses symbols of another kernel. Every kernel has "Linux version" at linux_banner.
void check_banner(const std::vector<KernelSymbol>& symbols, const BootImage& kernel) {
    constexpr std::string_view banner = "Linux version ";
    const auto where = find(symbols, "linux_banner");
    if (!where) throw ImageError("no symbol linux_banner: name the symbols of the kernel's build");
    if (text_of(kernel.at(*where, banner.size())) != banner) {
        throw ImageError(fmt::format(
            "the symbols of another kernel: linux_banner is not at {:#x} in {}. Name those of the same build",
            number(*where), kernel.version));
    }
}

std::optional<KernelSymbol> parse_line(std::string_view line) {
    std::uint64_t address = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
    const auto rest = line.substr(static_cast<std::size_t>(end - line.data()));
    if (error != std::errc{} || rest.size() < 4 || rest[0] != ' ' || rest[2] != ' ') return {};
    return KernelSymbol{rest[1], std::string(rest.substr(3)), vm::Virtual{address}};
}

char type_of(const GElf_Sym& symbol) {
    const bool global = GELF_ST_BIND(symbol.st_info) != STB_LOCAL;
    if (symbol.st_shndx == SHN_ABS) return global ? 'A' : 'a';
    const auto type = GELF_ST_TYPE(symbol.st_info);
    const char lower = type == STT_OBJECT ? 'd' : 't';
    return global ? static_cast<char>(lower - 'a' + 'A') : lower;
}

}  // namespace

std::string_view build_id(const BootImage& image) {
    constexpr std::string_view owner("GNU\0", 4);
    constexpr std::uint32_t build_id_type = 3;
    for (const auto& note : notes_in(image.section(".notes"))) {
        if (note.type == build_id_type && note.owner == owner) return text_of(note.content);
    }
    return {};
}

std::vector<KernelSymbol> read_system_map(std::string_view text) {
    std::vector<KernelSymbol> symbols;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        auto symbol = parse_line(line);
        if (!symbol) {
            throw ImageError(
                fmt::format("not a System.map: its line {} is not \"ADDRESS TYPE NAME\"", symbols.size() + 1));
        }
        symbols.push_back(std::move(*symbol));
    }
    if (symbols.size() < 2) {
        throw ImageError(
            "only a placeholder for a System.map, as Debian's kernel packages have. gatecrash can use the "
            "symbols in the kernel itself: leave --symbols out");
    }
    std::ranges::stable_sort(symbols, {}, [](const KernelSymbol& each) { return number(each.address); });
    return symbols;
}

std::string to_system_map(const std::vector<KernelSymbol>& symbols) {
    std::string text;
    for (const auto& [type, name, address] : symbols)
        text += fmt::format("{:016x} {} {}\n", number(address), type, name);
    return text;
}

std::vector<KernelSymbol> symbols_if_any(const BootImage& image) {
    std::vector<KernelSymbol> symbols;
    if (!is_elf(image.elf)) return symbols;
    elf_version(EV_CURRENT);
    // libelf does not write through this pointer: the file is only read.
    auto* bytes = const_cast<char*>(reinterpret_cast<const char*>(image.elf.data()));
    const std::unique_ptr<Elf, decltype(&elf_end)> elf(elf_memory(bytes, image.elf.size()), elf_end);
    Elf_Scn* section = nullptr;
    while ((section = elf_nextscn(elf.get(), section)) != nullptr) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB || header.sh_entsize == 0)
            continue;
        Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr) throw ImageError("cut off: its symbol table cannot be read");
        for (std::size_t i = 0; i < data->d_size / header.sh_entsize; ++i) {
            GElf_Sym symbol;
            if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
            const char* name = elf_strptr(elf.get(), header.sh_link, symbol.st_name);
            const auto type = GELF_ST_TYPE(symbol.st_info);
            if (name == nullptr || *name == '\0' || symbol.st_shndx == SHN_UNDEF || type == STT_SECTION ||
                type == STT_FILE) {
                continue;
            }
            symbols.push_back({type_of(symbol), name, vm::Virtual{symbol.st_value}});
        }
    }
    std::ranges::stable_sort(symbols, {}, [](const KernelSymbol& each) { return number(each.address); });
    return symbols;
}

std::vector<KernelSymbol> read_symbol_table(const BootImage& vmlinux) {
    auto symbols = symbols_if_any(vmlinux);
    if (symbols.empty())
        throw ImageError("no symbols: it is stripped. Name the vmlinux that the kernel's build leaves");
    return symbols;
}

std::vector<KernelSymbol> own_symbols(const BootImage& kernel) {
    for (const auto& segment : kernel.segments) {
        auto symbols = read_kallsyms(segment.bytes, segment.address);
        if (!symbols.empty()) return symbols;
    }
    throw ImageError(
        "no symbols in the kernel: name its vmlinux or System.map with --symbols, or build it with CONFIG_KALLSYMS");
}

std::vector<vm::Symbol> named(std::vector<KernelSymbol> symbols) {
    // SymbolTable names an address by the first of its symbols.
    std::stable_partition(symbols.begin(), symbols.end(),
                          [](const KernelSymbol& each) { return each.type == 'T' || each.type == 't'; });
    std::vector<vm::Symbol> named;
    named.reserve(symbols.size());
    for (auto& symbol : symbols) named.push_back({std::move(symbol.name), symbol.address});
    return named;
}

vm::SymbolTable symbol_table(std::vector<KernelSymbol> symbols) { return vm::SymbolTable(named(std::move(symbols))); }

std::vector<KernelSymbol> symbols_from(Bytes file, const std::string& name, const BootImage& kernel) {
    try {
        if (!is_elf(file)) {
            auto symbols = read_system_map(text_of(file));
            check_banner(symbols, kernel);
            return symbols;
        }
        const auto vmlinux = read_boot_image(std::move(file), name);
        const auto expected = build_id(kernel), found = build_id(vmlinux);
        if (expected != found) {
            throw ImageError(
                fmt::format("the vmlinux of another kernel: its build ID is {}, and the kernel's is {}. Name the "
                            "one of the same build",
                            hexadecimal(found), hexadecimal(expected)));
        }
        auto symbols = read_symbol_table(vmlinux);
        if (found.empty()) check_banner(symbols, kernel);
        return symbols;
    } catch (const ImageError& error) {
        const std::string message = error.what();
        throw ImageError(message.starts_with(name + ": ") ? message : name + ": " + message);
    }
}

}  // namespace gatecrash::kernel
