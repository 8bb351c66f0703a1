// Reads any image that gatecrash can boot.
#pragma once

#include <string>

#include "kernel/boot_image.hpp"

namespace gatecrash::kernel {

/// Reads an image. It is a bzImage, or has a header of multiboot or multiboot2, or a note with a PVH entry, in this
/// order. `name` is for messages. Throws ImageError with the reason and the remedy for a file that is none of these, or
/// that is damaged.
[[nodiscard]] BootImage read_bootable(Bytes file, const std::string& name);

}  // namespace gatecrash::kernel
