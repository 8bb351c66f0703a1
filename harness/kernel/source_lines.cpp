#include "kernel/source_lines.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <libelf.h>

#include <algorithm>
#include <string_view>

#include "posix/file.hpp"

namespace gatecrash::kernel {

namespace {

/// Removes the folders with which both begin. A build can be inside of its sources, or beside them.
std::string_view without_common_folders(std::string_view file, const std::string& folder) {
    const auto other = folder + "/";
    const auto [here, there] = std::ranges::mismatch(file, other);
    const auto same = file.substr(0, static_cast<std::size_t>(here - file.begin()));
    return file.substr(same.find_last_of('/') + 1);
}

}  // namespace

struct SourceLines::Debug {
    explicit Debug(const std::string& path)
        : file(posix::open_file(path, O_RDONLY)), dwarf(dwarf_begin(file.get(), DWARF_C_READ), dwarf_end) {}
    explicit Debug(std::span<const std::byte> content)
        : elf(elf_memory(const_cast<char*>(reinterpret_cast<const char*>(content.data())), content.size()),
              elf_end),  // NOLINT(cppcoreguidelines-pro-type-const-cast): libelf only reads it
          dwarf(dwarf_begin_elf(elf.get(), DWARF_C_READ, nullptr), dwarf_end) {}

    posix::FileDescriptor file;
    std::unique_ptr<Elf, decltype(&elf_end)> elf{nullptr, elf_end};
    std::unique_ptr<Dwarf, decltype(&dwarf_end)> dwarf;  ///< null without debug information
};

SourceLines::SourceLines(const std::string& path) : debug_(std::make_shared<Debug>(path)) { find_units(); }

SourceLines::SourceLines(std::span<const std::byte> content) {
    elf_version(EV_CURRENT);
    debug_ = std::make_shared<Debug>(content);
    find_units();
}

void SourceLines::find_units() {
    auto* const dwarf = debug_->dwarf.get();
    if (dwarf == nullptr) return;
    Dwarf_CU* unit = nullptr;
    Dwarf_Die die;
    while (dwarf_get_units(dwarf, unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
        if (dwarf_hasattr(&die, DW_AT_stmt_list) == 0) continue;
        Dwarf_Addr base = 0, begin = 0, end = 0;
        // Not all compilers write .debug_aranges.
        for (std::ptrdiff_t next = 0; (next = dwarf_ranges(&die, next, &base, &begin, &end)) > 0;)
            units_.push_back({begin, end, dwarf_dieoffset(&die)});
    }
    std::ranges::sort(units_, {}, &Unit::begin);
}

std::optional<std::string> SourceLines::at(vm::Virtual address) const {
    const auto after = std::ranges::upper_bound(units_, number(address), {}, &Unit::begin);
    if (after == units_.begin() || number(address) >= std::prev(after)->end) return std::nullopt;
    Dwarf_Die unit;
    if (dwarf_offdie(debug_->dwarf.get(), std::prev(after)->offset, &unit) == nullptr) return std::nullopt;
    auto* const line = dwarf_getsrc_die(&unit, number(address));
    const char* const file = dwarf_linesrc(line, nullptr, nullptr);
    int number_of_line = 0;
    if (file == nullptr || dwarf_lineno(line, &number_of_line) != 0 || number_of_line == 0) return std::nullopt;
    Dwarf_Attribute attribute;
    const char* const folder = dwarf_formstring(dwarf_attr(&unit, DW_AT_comp_dir, &attribute));
    return fmt::format("{}:{}", without_common_folders(file, folder == nullptr ? "" : folder), number_of_line);
}

}  // namespace gatecrash::kernel
