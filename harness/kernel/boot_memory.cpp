#include "kernel/boot_memory.hpp"

#include <asm/bootparam.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "kernel/boot_info.hpp"

namespace gatecrash::kernel {
namespace {

// Below the first MiB, where no kernel image is.
constexpr std::uint64_t gdt = 0x6000, boot_parameters = 0x7000, command_line = 0x8000, page_tables = 0x9000;
constexpr std::uint64_t page_size = 4096, large_page = std::uint64_t{2} << 20;
/// The devices of a PC are below 4 GiB, so its memory ends here.
constexpr std::uint64_t max_memory = std::uint64_t{3} << 30;
/// Linux wants its initramfs below this (initrd_addr_max in boot.rst).
constexpr std::uint64_t initramfs_end = std::uint64_t{2} << 30;
constexpr std::size_t max_command_line = 2048;
// boot.rst fixes these two selectors.
constexpr std::uint16_t boot_cs = 0x10, boot_ds = 0x18;

template <typename Value>
void put(std::span<std::byte> memory, std::uint64_t at, const Value& value) {
    std::memcpy(memory.data() + at, &value, sizeof value);
}

}  // namespace

void load_segments(const BootImage& image, std::span<std::byte> memory) {
    if (memory.size() > max_memory) {
        throw ImageError(
            fmt::format("{} MiB of memory: gatecrash gives a kernel at most {} MiB. Use less with --memory",
                        memory.size() >> 20, max_memory >> 20));
    }
    for (const auto& segment : image.segments) {
        const auto at = number(segment.physical);
        if (at < high_memory)
            throw ImageError(fmt::format("a segment at {:#x}, below the first MiB: link the kernel above it", at));
        if (segment.size > memory.size() || at > memory.size() - segment.size) {
            throw ImageError(fmt::format("the kernel needs {} MiB of memory and has {}: give it more with --memory",
                                         (at >> 20) + (segment.size >> 20) + 1, memory.size() >> 20));
        }
        std::ranges::copy(segment.bytes, memory.begin() + static_cast<std::ptrdiff_t>(at));
    }
}

namespace {

/// Puts the initramfs where it ends as high as it may. Returns its guest-physical address.
std::uint64_t load_initramfs(const BootImage& image, const std::string& initramfs, std::span<std::byte> memory) {
    std::uint64_t kernel_end = 0;
    for (const auto& segment : image.segments)
        kernel_end = std::max(kernel_end, number(segment.physical) + segment.size);
    const auto end = std::min<std::uint64_t>(memory.size(), initramfs_end);
    const auto free = end - std::min(end, kernel_end);
    if (initramfs.size() + page_size > free) {
        throw ImageError(
            fmt::format("the initramfs has {} KiB, and {} KiB of memory are free: give the kernel more with "
                        "--memory",
                        initramfs.size() >> 10, free >> 10));
    }
    const auto at = (end - initramfs.size()) & ~(page_size - 1);
    std::memcpy(memory.data() + at, initramfs.data(), initramfs.size());
    return at;
}

void load_tables(std::span<std::byte> memory) {
    constexpr std::uint64_t present = 1, writable = 2, large = 0x80;
    constexpr auto directories = page_tables + page_size, pages = directories + page_size;
    put(memory, page_tables, directories | present | writable);
    put(memory, directories, pages | present | writable);
    for (std::uint64_t i = 0; i < page_size / sizeof i; ++i)
        put(memory, pages + i * sizeof i, i * large_page | present | writable | large);
    // 64-bit code and data of CPL 0 (SDM volume 3, 3.4.5).
    put(memory, gdt + boot_cs, std::uint64_t{0x00af9b000000ffff});
    put(memory, gdt + boot_ds, std::uint64_t{0x00cf93000000ffff});
}

}  // namespace

void load_kernel(const BootImage& image, const BootInput& input, std::span<std::byte> memory) {
    if (input.command_line.size() >= max_command_line) {
        throw ImageError(fmt::format("the command line has {} bytes: Linux takes {}", input.command_line.size(),
                                     max_command_line - 1));
    }
    load_segments(image, memory);
    boot_params parameters{};
    if (!input.initramfs.empty()) {
        parameters.hdr.ramdisk_image = static_cast<std::uint32_t>(load_initramfs(image, input.initramfs, memory));
        parameters.hdr.ramdisk_size = static_cast<std::uint32_t>(input.initramfs.size());
    }
    load_tables(memory);
    std::memcpy(memory.data() + command_line, input.command_line.c_str(), input.command_line.size() + 1);
    constexpr std::uint16_t boot_flag = 0xaa55, protocol = 0x20f;
    constexpr std::uint32_t signature = 0x53726448;  // "HdrS"
    constexpr std::uint8_t unknown_loader = 0xff;
    parameters.hdr.boot_flag = boot_flag;
    parameters.hdr.header = signature;
    parameters.hdr.version = protocol;
    parameters.hdr.type_of_loader = unknown_loader;
    parameters.hdr.loadflags = LOADED_HIGH;
    parameters.hdr.cmd_line_ptr = command_line;
    parameters.hdr.cmdline_size = max_command_line - 1;
    constexpr std::uint32_t ram = 1;  // E820_TYPE_RAM
    for (const auto& range : memory_map(memory.size()))
        parameters.e820_table[parameters.e820_entries++] = {range.begin, range.size, ram};
    put(memory, boot_parameters, parameters);
}

kvm_sregs entry_sregs(const kvm_sregs& now) {
    auto sregs = now;
    const auto segment = [](std::uint16_t selector, std::uint8_t type, bool is_code) {
        kvm_segment segment{};
        segment.selector = selector;
        segment.limit = 0xffffffff;
        segment.type = type;
        segment.present = segment.s = segment.g = 1;
        segment.l = is_code ? 1 : 0;
        segment.db = is_code ? 0 : 1;
        return segment;
    };
    constexpr std::uint8_t code = 11, data = 3;
    sregs.cs = segment(boot_cs, code, true);
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = segment(boot_ds, data, false);
    sregs.gdt.base = gdt;
    sregs.gdt.limit = boot_ds + 7;
    sregs.cr3 = page_tables;
    sregs.cr4 = 0x20;        // PAE
    sregs.cr0 = 0x80000033;  // PG, NE, ET, MP, PE
    sregs.efer = 0x500;      // LMA, LME
    return sregs;
}

kvm_regs entry_regs(const BootImage& image) {
    kvm_regs regs{};
    regs.rip = number(image.entry);
    regs.rsi = boot_parameters;
    regs.rflags = 2;
    return regs;
}

}  // namespace gatecrash::kernel
