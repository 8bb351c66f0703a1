#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

#include "vm/state/msrs.hpp"

namespace gatecrash::vm {

/// The registers that control the CPU: control registers, tables, MSRs and breakpoints.
struct ControlState {
    const kvm_sregs& sregs;
    const Msrs& msrs;
    const kvm_debugregs& debug_registers;
};

struct Difference {
    const char* name;  ///< the name in messages, such as "CR0"
    std::uint64_t now, then;
};
/// Returns the registers of `now` that differ from `then`, SSP included. Leaves out those that events change by
/// themselves: KERNEL_GS_BASE, CR2, DR6, PL3_SSP and the machine-check registers.
[[nodiscard]] std::vector<Difference> differences(const ControlState& now, const ControlState& then);

}  // namespace gatecrash::vm
