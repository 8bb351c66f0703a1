// A kernel as its build leaves it: a bzImage, a vmlinux, or an image with a header for boot loaders.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gatecrash/address.hpp"
#include "kernel/payload.hpp"

namespace gatecrash::kernel {

/// A part of the kernel that is loaded as one piece.
struct LoadSegment {
    vm::Physical physical{};
    vm::Virtual address{};
    std::span<const std::byte> bytes;  ///< part of BootImage::elf
    std::uint64_t size = 0;            ///< in memory, in bytes, at least bytes.size(); the rest is zero
    bool is_code = true;
};

/// How a boot loader starts a kernel.
enum class BootProtocol : std::uint8_t {
    linux_64,     ///< Linux, Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"
    multiboot,    ///< Multiboot Specification 0.6.96
    multiboot_2,  ///< Multiboot2 Specification 2.0
    pvh,          ///< Xen, docs/misc/pvh.pandoc
};

/// A section of the kernel's ELF file.
struct Section {
    std::string name;
    std::span<const std::byte> bytes;  ///< part of BootImage::elf
};

/// A kernel that can be loaded. Its spans point into `elf`, so it is moved, never copied.
struct BootImage {
    BootImage() = default;
    BootImage(BootImage&&) = default;
    BootImage& operator=(BootImage&&) = default;
    BootImage(const BootImage&) = delete;
    BootImage& operator=(const BootImage&) = delete;
    ~BootImage() = default;

    std::string version;  ///< the first word of the kernel's release string; empty if the file does not have it
    Bytes elf;            ///< the unpacked ELF file
    vm::Physical entry{};
    std::vector<LoadSegment> segments;
    std::vector<Section> sections;
    std::vector<std::span<const std::byte>> notes;  ///< the content of each segment of notes
    BootProtocol protocol = BootProtocol::linux_64;

    /// Returns the section's bytes, or an empty span.
    [[nodiscard]] std::span<const std::byte> section(const std::string& name) const;
    /// Returns the `size` bytes at a virtual address, or an empty span if the file does not have all of them.
    [[nodiscard]] std::span<const std::byte> at(vm::Virtual address, std::uint64_t size) const;
};

/// True if the file has the setup header of a bzImage.
[[nodiscard]] bool is_bzimage(std::span<const std::byte> file);

/// Reads a bzImage (Linux, Documentation/arch/x86/boot.rst) or an ELF vmlinux. `name` is for messages. Throws
/// ImageError with the reason and the remedy. Examples are a truncated file, a 32-bit kernel, and a payload that cannot
/// be unpacked.
[[nodiscard]] BootImage read_boot_image(Bytes file, const std::string& name);

}  // namespace gatecrash::kernel
