// Images with a header of the Multiboot Specification, version 0.6.96 or Multiboot2 2.0 (both of the GRUB project).
#pragma once

#include <cstdint>
#include <string>

#include "kernel/boot_image.hpp"
#include "kernel/boot_info.hpp"

namespace gatecrash::kernel {

/// Fills in `image` if its `elf` has a multiboot header of either version, and returns true. The file is an ELF file,
/// or any other one whose header has addresses. Throws ImageError for a damaged header, and for one that demands what
/// gatecrash does not have.
[[nodiscard]] bool read_multiboot(BootImage& image);

/// Writes what the boot loader tells an image with such a header. Returns the values for EAX and EBX.
struct MultibootRegisters {
    std::uint32_t magic;
    std::uint32_t information;
};
[[nodiscard]] MultibootRegisters write_multiboot_information(BootInfo& info, BootProtocol protocol,
                                                             const std::string& command_line);

}  // namespace gatecrash::kernel
