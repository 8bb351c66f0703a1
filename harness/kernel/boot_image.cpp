#include "kernel/boot_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "kernel/elf_reader.hpp"

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

bool is_bzimage(std::span<const std::byte> file) {
    return file.size() > setup::magic + 4 && text_of(file).substr(setup::magic, 4) == "HdrS";
}

BootImage read_boot_image(Bytes file, const std::string& name) {
    try {
        BootImage image;
        if (is_bzimage(file)) {
            image.elf = decompress(payload_of(file, image.version));
        } else {
            image.elf = std::move(file);
        }
        read_elf(image, CodeOf::bits64);
        if (image.version.empty()) image.version = release_in(image.elf);
        return image;
    } catch (const ImageError& error) {
        throw ImageError(name + ": " + error.what());
    }
}

}  // namespace gatecrash::kernel
