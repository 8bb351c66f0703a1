#pragma once

#include <linux/kvm.h>

#include <cstdint>

namespace gatecrash::vm {

/// Bits of DR6 (SDM volume 3, 17.2.3).
constexpr std::uint64_t dr6_b0 = 1, dr6_bs = 0x4000;

/// Returns the debug registers of `before` with a watchpoint on the byte at `address` in DR0, for reads and writes (SDM
/// volume 3, 17.2.4).
[[nodiscard]] inline kvm_debugregs armed(kvm_debugregs before, std::uint64_t address) {
    constexpr std::uint64_t l0 = 1, reads_and_writes = 3 << 16, type_and_length = 0xf << 16;
    before.db[0] = address;
    before.dr7 = (before.dr7 & ~type_and_length) | reads_and_writes | l0;
    return before;
}

/// Returns the bits of DR6 (B0 to B3) of the breakpoints that were met and that DR7 enables.
[[nodiscard]] constexpr std::uint64_t enabled_breakpoints(std::uint64_t dr6, std::uint64_t dr7) {
    std::uint64_t met = 0;
    for (unsigned i = 0; i < 4; ++i) {
        const bool enabled = (dr7 >> 2 * i & 3) != 0;
        if (enabled) met |= dr6 & 1U << i;
    }
    return met;
}

}  // namespace gatecrash::vm
