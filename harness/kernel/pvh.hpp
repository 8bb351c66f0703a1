// Images with the entry of Xen's PVH (Xen, docs/misc/pvh.pandoc and xen/include/public/arch-x86/hvm/start_info.h).
#pragma once

#include <cstdint>
#include <string>

#include "kernel/boot_image.hpp"
#include "kernel/boot_info.hpp"

namespace gatecrash::kernel {

/// Fills in `image` if its `elf` is an ELF file with a note that has a PVH entry, and returns true. A damaged ELF file
/// makes it throw ImageError.
[[nodiscard]] bool read_pvh(BootImage& image);

/// Writes the start info of a PVH image, and returns the value for EBX.
[[nodiscard]] std::uint32_t write_start_info(BootInfo& info, const std::string& command_line);

}  // namespace gatecrash::kernel
