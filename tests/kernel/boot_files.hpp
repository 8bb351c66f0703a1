// Reads the files to boot, from the emulated machine that the tests run in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "kernel/boot_image.hpp"
#include "kernel/kernel_guest.hpp"
#include "machines/cpio.hpp"
#include "posix/file.hpp"

namespace gatecrash::kernel {

inline constexpr const char* command_line =
    "nokaslr norandmaps quiet panic=-1 lpj=4000000 pci=off randomize_kstack_offset=off";
inline constexpr std::uint64_t memory_size = std::uint64_t{128} << 20;

inline BootImage kernel_image() {
    const auto text = posix::read_file("/kernel");
    const auto bytes = std::as_bytes(std::span(text));
    return read_boot_image({bytes.begin(), bytes.end()}, "/kernel");
}

/// Returns a root folder with the file `init` as its init program.
inline std::string initramfs(const char* init) {
    machines::CpioWriter archive;
    archive.file("/init", posix::read_file(init), 0755);
    archive.character_device("/dev/console", 0600, 5, 1);
    return archive.finish();
}

inline bool same_pages(const KernelState& a, const KernelState& b) {
    return std::ranges::equal(a.pages, b.pages, [](const auto& one, const auto& other) {
        return one.number == other.number && *one.content == *other.content;
    });
}

}  // namespace gatecrash::kernel
