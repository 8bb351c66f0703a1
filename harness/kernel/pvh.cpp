#include "kernel/pvh.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "kernel/elf_reader.hpp"

namespace gatecrash::kernel {
namespace {

/// hvm_start_info, version 1.
struct StartInfo {
    std::uint32_t magic = 0x336ec578, version = 1, flags = 0, modules = 0;
    std::uint64_t module_list = 0, command_line = 0, rsdp = 0, map = 0;
    std::uint32_t map_entries = 0, reserved = 0;
};
/// hvm_memmap_table_entry.
struct MapEntry {
    std::uint64_t begin, size;
    std::uint32_t type, reserved;
};
constexpr std::uint32_t ram = 1;

/// Returns the content of XEN_ELFNOTE_PHYS32_ENTRY, which has 4 or 8 bytes.
std::optional<vm::Physical> entry_in(std::span<const std::byte> bytes) {
    constexpr std::uint32_t entry_type = 18;
    const std::string owner("Xen\0", 4);
    for (const auto& note : notes_in(bytes)) {
        if (note.type != entry_type || note.owner != owner || note.content.size() < sizeof(std::uint32_t)) continue;
        return vm::Physical{number_at<std::uint32_t>(note.content, 0)};
    }
    return std::nullopt;
}

}  // namespace

bool read_pvh(BootImage& image) {
    image.protocol = BootProtocol::pvh;
    read_elf(image, CodeOf::bits32_or_64);
    for (const auto& notes : image.notes) {
        if (const auto entry = entry_in(notes)) {
            image.entry = *entry;
            return true;
        }
    }
    return false;
}

std::uint32_t write_start_info(BootInfo& info, const std::string& command_line) {
    std::array<MapEntry, 2> entries{};
    std::ranges::transform(memory_map(info.memory_size()), entries.begin(), [](const MemoryRange& range) {
        return MapEntry{range.begin, range.size, ram, 0};
    });
    StartInfo start;
    start.command_line = info.put(command_line);
    start.map = info.put(entries);
    start.map_entries = entries.size();
    return info.put(start);
}

}  // namespace gatecrash::kernel
