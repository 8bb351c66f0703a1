#pragma once

#include <linux/kvm.h>

#include <vector>

namespace gatecrash::vm {

/// What a guest's CPUID says: the host's vendor, family and address sizes, and of its features only those that entry
/// code is about. A short list of our own rather than KVM_GET_SUPPORTED_CPUID, so that guests find the same CPU
/// wherever they run.
[[nodiscard]] std::vector<kvm_cpuid_entry2> guest_cpuid();

}  // namespace gatecrash::vm
