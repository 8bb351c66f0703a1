#include "kernel/boot_image.hpp"

#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

namespace gatecrash::kernel {
namespace {

/// Offsets in a bzImage's setup header: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
namespace setup {
constexpr std::size_t setup_sectors = 0x1f1, magic = 0x202, version = 0x206, version_string = 0x20e,
                      extended_load_flags = 0x236, payload_offset = 0x248, payload_length = 0x24c, end = 0x250;
constexpr std::uint16_t kernel_64 = 1, first_version_with_extended_load_flags = 0x20c;
constexpr std::size_t sector = 512;
}  // namespace setup

/// Returns the compressed kernel in a bzImage, and its release string in `release`.
std::span<const std::byte> payload_of(std::span<const std::byte> file, std::string& release) {
    if (file.size() < setup::end) throw ImageError("cut off in its setup header: fetch the kernel image again");
    const auto protocol = number_at<std::uint16_t>(file, setup::version);
    if (protocol < setup::first_version_with_extended_load_flags) {
        throw ImageError(fmt::format("boot protocol {}.{:02}: gatecrash needs 2.12 or newer, which Linux has since 3.8",
                                     protocol >> 8, protocol & 0xff));
    }
    if ((number_at<std::uint16_t>(file, setup::extended_load_flags) & setup::kernel_64) == 0)
        throw ImageError("a 32-bit kernel: gatecrash sweeps 64-bit kernels. Build it with CONFIG_64BIT");
    std::size_t sectors = std::to_integer<std::size_t>(file[setup::setup_sectors]);
    if (sectors == 0) sectors = 4;  // boot.rst: "for backwards compatibility"
    const std::size_t code = (sectors + 1) * setup::sector;
    const auto text = text_of(file);
    if (const std::size_t at = number_at<std::uint16_t>(file, setup::version_string);
        at != 0 && at + setup::sector < text.size()) {
        const auto string = text.substr(at + setup::sector);
        release = string.substr(0, std::min(string.find_first_of(std::string_view(" \0", 2)), setup::sector));
    }
    const std::size_t offset = number_at<std::uint32_t>(file, setup::payload_offset);
    const std::size_t length = number_at<std::uint32_t>(file, setup::payload_length);
    if (code + offset > file.size() || file.size() - code - offset < length) {
        throw ImageError(
            fmt::format("cut off: its payload ends at {} and the file at {} bytes. Fetch the kernel image again",
                        code + offset + length, file.size()));
    }
    return file.subspan(code + offset, length);
}

class ElfReader {
  public:
    explicit ElfReader(BootImage& image) : image_(image), file_(image.elf), elf_(nullptr, elf_end) {
        elf_version(EV_CURRENT);
        elf_.reset(elf_memory(reinterpret_cast<char*>(image.elf.data()), image.elf.size()));
        if (elf_ == nullptr || elf_kind(elf_.get()) != ELF_K_ELF || gelf_getehdr(elf_.get(), &header_) == nullptr)
            throw ImageError("neither a bzImage nor an ELF file: name a bzImage or vmlinux");
        if (gelf_getclass(elf_.get()) != ELFCLASS64 || header_.e_machine != EM_X86_64)
            throw ImageError("an ELF file that is not for x86-64: gatecrash sweeps 64-bit x86 kernels");
    }

    void read() {
        image_.entry = vm::Physical{header_.e_entry};
        read_segments();
        read_sections();
    }

  private:
    void read_segments() {
        std::size_t count = 0;
        if (elf_getphdrnum(elf_.get(), &count) != 0) throw ImageError("its program headers cannot be read");
        for (std::size_t i = 0; i < count; ++i) {
            GElf_Phdr header;
            if (gelf_getphdr(elf_.get(), static_cast<int>(i), &header) == nullptr)
                throw ImageError("cut off: its program headers reach past the end of the file");
            if (header.p_type != PT_LOAD || header.p_memsz == 0) continue;
            if (header.p_filesz > header.p_memsz)
                throw ImageError("a segment that is larger in the file than in memory");
            image_.segments.push_back({vm::Physical{header.p_paddr}, vm::Virtual{header.p_vaddr},
                                       part(header.p_offset, header.p_filesz), header.p_memsz});
        }
        if (image_.segments.empty())
            throw ImageError("an ELF file without a segment to load: name the linked vmlinux, not an object file");
    }

    void read_sections() {
        std::size_t names = 0;
        if (elf_getshdrstrndx(elf_.get(), &names) != 0) return;
        Elf_Scn* section = nullptr;
        while ((section = elf_nextscn(elf_.get(), section)) != nullptr) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
            const char* name = elf_strptr(elf_.get(), names, header.sh_name);
            if (name != nullptr) image_.sections.push_back({name, part(header.sh_offset, header.sh_size)});
        }
    }

    [[nodiscard]] std::span<const std::byte> part(std::uint64_t offset, std::uint64_t size) const {
        if (offset > file_.size() || file_.size() - offset < size) {
            throw ImageError(
                fmt::format("cut off: it has {} bytes, and a part of it ends at {}", file_.size(), offset + size));
        }
        return file_.subspan(offset, size);
    }

    BootImage& image_;
    std::span<const std::byte> file_;
    std::unique_ptr<Elf, decltype(&elf_end)> elf_;
    GElf_Ehdr header_{};
};

/// Returns the release in "Linux version 6.1.0 (...)", which every kernel has in its read-only data.
std::string release_in(std::span<const std::byte> elf) {
    constexpr std::string_view before = "Linux version ";
    const auto text = text_of(elf);
    for (auto at = text.find(before); at != std::string_view::npos; at = text.find(before, at + 1)) {
        const auto rest = text.substr(at + before.size());
        const auto length = rest.find(' ');
        if (!rest.empty() && rest.front() >= '0' && rest.front() <= '9' && length < 128)
            return std::string(rest.substr(0, length));
    }
    return {};
}

}  // namespace

std::span<const std::byte> BootImage::section(const std::string& name) const {
    const auto found = std::ranges::find(sections, name, &Section::name);
    return found == sections.end() ? std::span<const std::byte>{} : found->bytes;
}

std::span<const std::byte> BootImage::at(vm::Virtual address, std::uint64_t size) const {
    for (const auto& segment : segments) {
        const auto offset = number(address) - number(segment.address);
        if (offset < segment.bytes.size() && segment.bytes.size() - offset >= size)
            return segment.bytes.subspan(offset, size);
    }
    return {};
}

BootImage read_boot_image(Bytes file, const std::string& name) {
    try {
        BootImage image;
        if (file.size() > setup::magic + 4 && text_of(file).substr(setup::magic, 4) == "HdrS") {
            image.elf = decompress(payload_of(file, image.version));
        } else {
            image.elf = std::move(file);
        }
        ElfReader(image).read();
        if (image.version.empty()) image.version = release_in(image.elf);
        return image;
    } catch (const ImageError& error) {
        throw ImageError(name + ": " + error.what());
    }
}

}  // namespace gatecrash::kernel
