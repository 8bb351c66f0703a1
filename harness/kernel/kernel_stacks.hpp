#pragma once

#include <string>
#include <vector>

#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_guest.hpp"

namespace gatecrash::kernel {

/// A stack that the kernel uses.
struct KernelStack {
    std::string name;    ///< such as "IST 2"
    AddressRange range;  ///< whole pages
};

/// Returns the stacks of the kernel as it is now: those in the CPU's TSS, the current task's, and that of interrupts.
[[nodiscard]] std::vector<KernelStack> find_stacks(KernelGuest& guest, const KernelFacts& facts);

}  // namespace gatecrash::kernel
