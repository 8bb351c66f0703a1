// Reads the sections, symbols and relocations of an ELF file.
#pragma once

#include "check/code_file.hpp"

namespace gatecrash::check {

/// Fills in all of `file` from its content, except symbols of a file without a symbol table. Throws
/// kernel::ImageError if the content is no ELF file for x86, or is damaged.
void read_elf_code(CodeFile& file);

}  // namespace gatecrash::check
