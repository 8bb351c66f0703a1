#pragma once

#include <linux/kvm.h>

#include <span>
#include <vector>

namespace gatecrash::machine {

/// What a guest's CPUID says: the host's vendor, family and address sizes, and of its features only those that entry
/// code is about. A short list of our own rather than KVM_GET_SUPPORTED_CPUID, so that guests find the same CPU
/// wherever they run.
[[nodiscard]] std::vector<kvm_cpuid_entry2> guest_cpuid();

/// Whether the CPU follows AMD's manual: AMD and Hygon.
[[nodiscard]] bool is_amd(std::span<const kvm_cpuid_entry2> cpuid);

}  // namespace gatecrash::machine
