#pragma once

#include <cstdint>

#include "vm/guest.hpp"

namespace gatecrash::vm {

/// True if a debugger can have breakpoints on. A guest that writes DR7 has them on while DR7 enables any. LE or GE
/// alone suffice, although they do nothing else (SDM volume 3, 17.2.4). Any other guest always has them on.
[[nodiscard]] inline bool has_breakpoints_on(const Guest& guest, std::uint64_t dr7) {
    constexpr std::uint64_t enables = 0x3ff;
    return !guest.abilities().writes_dr7 || (dr7 & enables) != 0;
}

}  // namespace gatecrash::vm
