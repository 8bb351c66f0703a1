#pragma once

#include <cstdint>

#include "vm/guest.hpp"

namespace gatecrash::vm {

/// Whether a debugger has breakpoints on. A guest that writes DR7 has them while that enables any, be it by LE or GE
/// alone, which do nothing else (SDM volume 3, 17.2.4).
[[nodiscard]] inline bool has_breakpoints_on(const Guest& guest, std::uint64_t dr7) {
    constexpr std::uint64_t enables = 0x3ff;
    return !guest.abilities().writes_dr7 || (dr7 & enables) != 0;
}

}  // namespace gatecrash::vm
