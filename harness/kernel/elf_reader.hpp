// Reads the parts of an ELF file.
#pragma once

#include <elf.h>

#include "kernel/boot_image.hpp"

namespace gatecrash::kernel {

/// True if the file begins as an ELF file does.
[[nodiscard]] inline bool is_elf(std::span<const std::byte> file) { return text_of(file).starts_with(ELFMAG); }

/// The kernels that read_elf() accepts.
enum class CodeOf : std::uint8_t { bits64, bits32_or_64 };

/// Fills in the entry, the segments and the sections of `image` from its `elf`. Throws ImageError if the file is not
/// ELF or is cut off, and if `code` excludes the kernel.
void read_elf(BootImage& image, CodeOf code);

/// A note of an ELF file: elf(5), "Notes (Nhdr)".
struct Note {
    std::string owner;
    std::uint32_t type = 0;
    std::span<const std::byte> content;
};
/// Returns the notes in `bytes`, up to the first one that is cut off.
[[nodiscard]] std::vector<Note> notes_in(std::span<const std::byte> bytes);

}  // namespace gatecrash::kernel
