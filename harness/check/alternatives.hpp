// Instructions that a Linux kernel patches in at boot.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "check/code_file.hpp"

namespace gatecrash::check {

/// Instructions against speculation and for SMAP that a site may get. gatecrash follows the code as the file has it, so
/// it must not say that they are missing.
struct Alternative {
    bool has_lfence = false, has_verw = false, has_clac = false;
};
using Alternatives = std::unordered_map<std::uint64_t, Alternative>;  ///< by the address of the site

/// Reads .altinstructions (Linux, arch/x86/include/asm/alternative.h). Its entries have had three layouts.
[[nodiscard]] Alternatives read_alternatives(const CodeFile& file);

}  // namespace gatecrash::check
