#include "kernel/multiboot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "kernel/elf_reader.hpp"

namespace gatecrash::kernel {
namespace {

constexpr const char* loader_name = "gatecrash";
/// Size of the buffers in which the specifications let a boot loader look for a header.
constexpr std::size_t search_1 = 8192, search_2 = 32768;

// --- headers ---------------------------------------------------------------------------------------------------------

/// The addresses in a header, which let a file that is not ELF be loaded (section 3.1.3; Multiboot2: 3.1.5).
struct FileAddresses {
    std::uint32_t header, load, load_end, bss_end;
};

struct BootHeader {
    std::size_t at = 0;  ///< offset in the file
    bool has_addresses = false;
    FileAddresses addresses{};
    std::optional<std::uint32_t> entry{};
};

/// Returns the offset of the first `magic` whose checksum fits, in the first `search` bytes. The sum of `words` words
/// is 0.
std::optional<std::size_t> find_header(std::span<const std::byte> file, std::uint32_t magic, std::size_t search,
                                       std::size_t alignment, std::size_t words) {
    const auto end = std::min(file.size(), search);
    for (std::size_t at = 0; at + words * sizeof magic <= end; at += alignment) {
        if (number_at<std::uint32_t>(file, at) != magic) continue;
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i < words; ++i) sum += number_at<std::uint32_t>(file, at + i * sizeof sum);
        if (sum == 0) return at;
    }
    return std::nullopt;
}

[[noreturn]] void fail_cut_off() { throw ImageError("cut off in its multiboot header: build the image again"); }

std::optional<BootHeader> find_header_1(std::span<const std::byte> file) {
    constexpr std::uint32_t magic = 0x1badb002;
    const auto at = find_header(file, magic, search_1, 4, 3);
    if (!at) return std::nullopt;
    // Bits 0 to 15 are demands. gatecrash has no modules to align, gives a map of the memory, and has no screen.
    constexpr std::uint32_t known = 7, demands = 0xffff, has_addresses = 1U << 16;
    const auto flags = number_at<std::uint32_t>(file, *at + 4);
    if ((flags & demands & ~known) != 0) {
        throw ImageError(
            fmt::format("its multiboot header demands more than the specification has (flags {:#x}): clear "
                        "the bits 3 to 15",
                        flags));
    }
    BootHeader header{.at = *at};
    if ((flags & has_addresses) == 0) return header;
    struct Fields {
        FileAddresses addresses;
        std::uint32_t entry;
    };
    constexpr std::size_t fields = 12;
    if (file.size() < *at + fields + sizeof(Fields)) fail_cut_off();
    const auto found = number_at<Fields>(file, *at + fields);
    header.has_addresses = true;
    header.addresses = found.addresses;
    header.entry = found.entry;
    return header;
}

std::optional<BootHeader> find_header_2(std::span<const std::byte> file) {
    constexpr std::uint32_t magic = 0xe85250d6;
    const auto at = find_header(file, magic, search_2, 8, 4);
    if (!at) return std::nullopt;
    if (const auto architecture = number_at<std::uint32_t>(file, *at + 4); architecture != 0)
        throw ImageError(fmt::format("its multiboot2 header is for architecture {}: x86 has 0", architecture));
    constexpr std::size_t tags = 16;
    enum Tag : std::uint16_t { end, request, addresses, entry, console, framebuffer, alignment, last = 10 };
    const std::size_t size = number_at<std::uint32_t>(file, *at + 8);
    if (size > file.size() - *at) fail_cut_off();
    BootHeader header{.at = *at};
    struct TagHead {
        std::uint16_t type, flags;
        std::uint32_t size;
    };
    for (std::size_t next = tags; next + sizeof(TagHead) <= size;) {
        const auto tag = number_at<TagHead>(file, *at + next);
        if (tag.type == end) break;
        if (tag.size < sizeof tag || tag.size > size - next) fail_cut_off();
        constexpr std::uint16_t is_optional = 1;
        if (tag.type > last && (tag.flags & is_optional) == 0) {
            throw ImageError(fmt::format(
                "its multiboot2 header demands tag {}, which gatecrash does not know: make it optional", tag.type));
        }
        const auto content = *at + next + sizeof tag;
        if (tag.type == addresses && tag.size >= sizeof tag + sizeof(FileAddresses)) {
            header.has_addresses = true;
            header.addresses = number_at<FileAddresses>(file, content);
        }
        if (tag.type == entry && tag.size >= sizeof tag + sizeof(std::uint32_t))
            header.entry = number_at<std::uint32_t>(file, content);
        next += (tag.size + 7) & ~std::size_t{7};
    }
    return header;
}

/// Makes the one segment of an image whose header says where the file is loaded.
void load_by_addresses(BootImage& image, const BootHeader& header) {
    const auto [at, load, load_end, bss_end] = header.addresses;
    const std::span<const std::byte> file = image.elf;
    // Multiboot2: a load address of -1 means the beginning of the file.
    const auto distance = load == UINT32_MAX ? header.at : std::size_t{at} - load;
    const auto first = header.at - distance;
    const std::uint64_t start = at - distance;
    const std::uint64_t size = load_end == 0 ? file.size() - std::min(first, file.size()) : load_end - start;
    if (distance > header.at || first > file.size() || size > file.size() - first) {
        throw ImageError(
            "cut off, or the addresses in its multiboot header do not fit the file: build the image again");
    }
    if (!header.entry) throw ImageError("its multiboot header has addresses, and no entry: add the entry");
    const auto in_memory = bss_end > start ? std::max<std::uint64_t>(bss_end - start, size) : size;
    image.segments = {{vm::Physical{start}, vm::Virtual{start}, file.subspan(first, size), in_memory}};
}

/// Returns where the entry of an ELF file is in memory. Boot loaders take an entry inside a segment for a virtual
/// address.
vm::Physical physical_entry(const BootImage& image) {
    for (const auto& segment : image.segments) {
        const auto offset = number(image.entry) - number(segment.address);
        if (offset < segment.size) return vm::Physical{number(segment.physical) + offset};
    }
    return image.entry;
}

// --- information -----------------------------------------------------------------------------------------------------

constexpr std::uint32_t available = 1;  ///< the type of memory that a kernel can use
constexpr std::uint32_t lower_kilobytes = 639;

std::uint32_t upper_kilobytes(const BootInfo& info) {
    return static_cast<std::uint32_t>((info.memory_size() - high_memory) >> 10);
}

/// Section 3.3 of the specification.
struct [[gnu::packed]] Information1 {
    std::uint32_t flags = 0, lower = lower_kilobytes, upper = 0, boot_device = 0, command_line = 0, modules = 0,
                  modules_address = 0, symbols[4] = {}, map_size = 0, map = 0, drives_size = 0, drives = 0,
                  configuration = 0, loader_name = 0, apm = 0;
};
struct [[gnu::packed]] MapEntry1 {
    std::uint32_t size = 20;  ///< the size of the members after this one
    std::uint64_t begin, length;
    std::uint32_t type = available;
};

std::uint32_t write_information_1(BootInfo& info, const std::string& command_line) {
    enum Has : std::uint32_t { memory = 1U << 0, line = 1U << 2, modules = 1U << 3, map = 1U << 6, name = 1U << 9 };
    Information1 information;
    information.flags = memory | line | modules | map | name;
    information.upper = upper_kilobytes(info);
    information.command_line = info.put(command_line);
    information.loader_name = info.put(std::string(loader_name));
    std::array<MapEntry1, 2> entries{};
    std::ranges::transform(memory_map(info.memory_size()), entries.begin(), [](const MemoryRange& range) {
        return MapEntry1{.begin = range.begin, .length = range.size};
    });
    information.map_size = sizeof entries;
    information.map = info.put(entries);
    return info.put(information);
}

template <typename Content>
struct [[gnu::packed]] Tag2 {
    std::uint32_t type;
    std::uint32_t size = sizeof(Tag2);
    Content content;
};

void put_text_tag(BootInfo& info, std::uint32_t type, const std::string& text) {
    std::string tag(8, '\0');
    const std::array<std::uint32_t, 2> head{type, static_cast<std::uint32_t>(tag.size() + text.size() + 1)};
    std::memcpy(tag.data(), head.data(), sizeof head);
    info.put(tag + text);
}

/// Multiboot2, section 3.6.
std::uint32_t write_information_2(BootInfo& info, const std::string& command_line) {
    enum Type : std::uint32_t { end, line, name, memory = 4, map = 6 };
    struct [[gnu::packed]] Memory {
        std::uint32_t lower, upper;
    };
    struct [[gnu::packed]] MapEntry {
        std::uint64_t begin, length;
        std::uint32_t type, reserved;
    };
    struct [[gnu::packed]] Map {
        std::uint32_t entry_size, version;
        std::array<MapEntry, 2> entries;
    };
    const std::array<std::uint32_t, 2> unknown_size{};
    const auto at = info.put(unknown_size);
    put_text_tag(info, line, command_line);
    put_text_tag(info, name, loader_name);
    info.put(Tag2<Memory>{memory, sizeof(Tag2<Memory>), {lower_kilobytes, upper_kilobytes(info)}});
    Map content{sizeof(MapEntry), 0, {}};
    std::ranges::transform(memory_map(info.memory_size()), content.entries.begin(), [](const MemoryRange& range) {
        return MapEntry{range.begin, range.size, available, 0};
    });
    info.put(Tag2<Map>{map, sizeof(Tag2<Map>), content});
    info.put(std::array<std::uint32_t, 2>{end, 8});
    info.replace(at, std::array<std::uint32_t, 2>{info.next() - at, 0});
    return at;
}

}  // namespace

bool read_multiboot(BootImage& image) {
    image.protocol = BootProtocol::multiboot;
    auto header = find_header_1(image.elf);
    if (!header) {
        image.protocol = BootProtocol::multiboot_2;
        header = find_header_2(image.elf);
    }
    if (!header) return false;
    if (is_elf(image.elf)) {
        read_elf(image, CodeOf::bits32_or_64);
        image.entry = physical_entry(image);
    } else if (!header->has_addresses) {
        throw ImageError("a multiboot header without addresses in a file that is not ELF: name the ELF file");
    }
    if (header->has_addresses) load_by_addresses(image, *header);
    if (header->entry) image.entry = vm::Physical{*header->entry};
    return true;
}

MultibootRegisters write_multiboot_information(BootInfo& info, BootProtocol protocol, const std::string& command_line) {
    constexpr std::uint32_t magic_1 = 0x2badb002, magic_2 = 0x36d76289;
    if (protocol == BootProtocol::multiboot) return {magic_1, write_information_1(info, command_line)};
    return {magic_2, write_information_2(info, command_line)};
}

}  // namespace gatecrash::kernel
