#include "kernel/kernel_files.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace gatecrash::kernel {
namespace {

constexpr char do_token = 1;

std::string encoded(std::string name) {
    for (auto at = name.find("do_"); at != std::string::npos; at = name.find("do_", at))
        name.replace(at, 3, 1, do_token);
    return name;
}

void append_name(std::string& to, const std::string& name) {
    const auto tokens = encoded(name);
    if (tokens.size() < 0x80) {
        to += static_cast<char>(tokens.size());
    } else {
        to += static_cast<char>(0x80 | (tokens.size() & 0x7f));
        to += static_cast<char>(tokens.size() >> 7);
    }
    to += tokens;
}

struct NamesAndMarkers {
    std::string names, markers;
};

template <typename Symbols>
NamesAndMarkers names_of(const Symbols& symbols) {
    NamesAndMarkers all;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        if (i % 256 == 0) append(all.markers, static_cast<std::uint32_t>(all.names.size()));
        append_name(all.names, symbols[i].first);
    }
    return all;
}

void append_tokens(std::string& to, std::size_t alignment) {
    std::string table, index;
    for (unsigned token = 0; token < 256; ++token) {
        append(index, static_cast<std::uint16_t>(table.size()));
        if (token == do_token) {
            table += "do_";
        } else if (token >= '$' && token <= 'z') {
            table += static_cast<char>(token);
        }
        table += '\0';
    }
    to += table;
    align(to, alignment);
    to += index;
    align(to, alignment);
}

std::int32_t offset(std::uint64_t address, std::uint64_t place, Layout layout) {
    if (layout == Layout::linux_7_2) return static_cast<std::int32_t>(address - place);
    if (layout == Layout::linux_6_15) return static_cast<std::int32_t>(address - kernel_text);
    // CONFIG_KALLSYMS_ABSOLUTE_PERCPU: per-CPU symbols have small addresses.
    return static_cast<std::int32_t>(address < kernel_text ? address : kernel_text - 1 - address);
}

template <typename Symbols>
void append_offsets(std::string& to, const Symbols& symbols, Layout layout) {
    for (const auto& [name, address] : symbols) append(to, offset(address, kernel_text + to.size(), layout));
    if (layout == Layout::linux_7_2) return;
    align(to, 8);
    append(to, kernel_text);
}

Elf64_Shdr section_header(std::uint32_t name, std::uint32_t type, std::uint64_t at, std::uint64_t size) {
    Elf64_Shdr header{};
    header.sh_name = name;
    header.sh_type = type;
    header.sh_offset = at;
    header.sh_size = size;
    header.sh_addralign = 1;
    return header;
}

}  // namespace

std::string kallsyms(const std::vector<std::pair<std::string, std::uint64_t>>& symbols, Layout layout) {
    const std::size_t alignment = layout == Layout::linux_7_2 ? 4 : 8;
    const auto [names, markers] = names_of(symbols);
    std::string out(4096, '\x90');
    if (layout == Layout::linux_5_10) append_offsets(out, symbols, layout);
    append(out, static_cast<std::uint32_t>(symbols.size()));
    align(out, alignment);
    out += names;
    align(out, alignment);
    out += markers;
    align(out, alignment);
    append_tokens(out, alignment);
    if (layout != Layout::linux_5_10) append_offsets(out, symbols, layout);
    out.append(4096, '\x90');
    return out;
}

std::string elf_file(std::string_view content, const std::vector<std::pair<std::string, std::string>>& sections) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = header.e_version = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_entry = 0x1000000;
    header.e_ehsize = sizeof header;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<Elf64_Half>(sections.size() + 2);
    header.e_shstrndx = 1;
    Elf64_Phdr segment{};
    segment.p_type = PT_LOAD;
    segment.p_offset = sizeof header + sizeof segment;
    segment.p_vaddr = kernel_text;
    segment.p_paddr = 0x1000000;
    segment.p_filesz = content.size();
    segment.p_memsz = content.size() + 0x1000;

    std::string file(sizeof header, '\0'), names("\0.shstrtab\0", 11), headers;
    append(file, segment);
    file += content;
    append(headers, section_header(0, SHT_NULL, 0, 0));
    std::string others;
    for (const auto& [name, bytes] : sections) {
        append(others,
               section_header(static_cast<std::uint32_t>(names.size()), SHT_PROGBITS, file.size(), bytes.size()));
        names += name + '\0';
        file += bytes;
    }
    append(headers, section_header(1, SHT_STRTAB, file.size(), names.size()));
    file += names;
    align(file, 8);
    header.e_shoff = file.size();
    file += headers + others;
    std::memcpy(file.data(), &header, sizeof header);
    return file;
}

std::string bzimage(std::string_view payload) {
    constexpr std::size_t sectors = 2, code = (sectors + 1) * 512, before_payload = 64;
    std::string file(code + before_payload, '\0');
    const auto put = [&](std::size_t at, auto number) { std::memcpy(file.data() + at, &number, sizeof number); };
    put(0x1f1, static_cast<std::uint8_t>(sectors));
    file.replace(0x202, 4, "HdrS");
    put(0x206, std::uint16_t{0x20f});
    put(0x20e, std::uint16_t{0x300});
    constexpr std::string_view release = "6.1.0-test (builder) #1";
    file.replace(0x200 + 0x300, release.size(), release);
    put(0x236, std::uint16_t{1});
    put(0x248, static_cast<std::uint32_t>(before_payload));
    put(0x24c, static_cast<std::uint32_t>(payload.size()));
    return file.append(payload);
}

}  // namespace gatecrash::kernel
