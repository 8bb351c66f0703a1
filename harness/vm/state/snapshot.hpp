#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <optional>

#include "vm/memory.hpp"
#include "vm/state/msrs.hpp"

namespace gatecrash::vm {

/// All state of a stopped guest that its further execution depends on. Floating point is not included: guests do not
/// use it.
struct Snapshot {
    kvm_regs regs{};
    kvm_sregs sregs{};
    kvm_vcpu_events events{};
    kvm_debugregs debug_registers{};
    Msrs msrs{};
    std::optional<std::uint8_t> latched_irq;
    PageSet pages;
    std::uint64_t number = 0;  ///< counts the snapshots of one guest, from 1
};

}  // namespace gatecrash::vm
