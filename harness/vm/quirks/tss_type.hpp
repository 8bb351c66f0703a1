#pragma once

#include <cstdint>

#include "vm/vendor.hpp"

namespace gatecrash::vm::quirks {

/// Types of a 64-bit TSS's descriptor (SDM volume 3, table 3-2).
constexpr std::uint8_t available_tss = 9, busy_tss = 11;

/// Returns the type that TR must get.
///
/// Works around QEMU (TCG) below KVM for AMD. Intel's VM entry requires a busy TSS (SDM volume 3, 26.3.1.2). AMD's does
/// not check, but QEMU's check of the I/O bitmap refuses a busy one, and then user code has no doorbell. KVM for AMD
/// reports "busy" whatever was set. Applies to an AMD CPU. Can go when nobody uses such a QEMU.
[[nodiscard]] constexpr std::uint8_t tss_type(Vendor vendor) {
    return vendor == Vendor::amd ? available_tss : busy_tss;
}

}  // namespace gatecrash::vm::quirks
