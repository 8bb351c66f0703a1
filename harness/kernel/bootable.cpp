#include "kernel/bootable.hpp"

#include "kernel/elf_reader.hpp"
#include "kernel/multiboot.hpp"
#include "kernel/pvh.hpp"

namespace gatecrash::kernel {

BootImage read_bootable(Bytes file, const std::string& name) {
    if (is_bzimage(file)) return read_boot_image(std::move(file), name);
    try {
        BootImage image;
        image.elf = std::move(file);
        if (read_multiboot(image)) return image;
        if (is_elf(image.elf) && read_pvh(image)) return image;
        throw ImageError(
            "no boot loader can start it: it has no header of multiboot in its first 8 KiB, none of multiboot2 in its "
            "first 32 KiB, and no note with a PVH entry. Link one of them in, or name a bzImage");
    } catch (const ImageError& error) {
        throw ImageError(name + ": " + error.what());
    }
}

}  // namespace gatecrash::kernel
