#pragma once

#include <linux/kvm.h>

#include <span>
#include <vector>

namespace gatecrash::vm {

/// Returns a guest's CPUID: the host's vendor, family and address sizes, and only those of its features that matter to
/// entry code. It is a short list of our own instead of KVM_GET_SUPPORTED_CPUID, so that guests find the same CPU
/// wherever they run. One feature is there only if KVM offers it, according to `supported` (KVM_GET_SUPPORTED_CPUID):
/// shadow stacks.
[[nodiscard]] std::vector<kvm_cpuid_entry2> guest_cpuid(std::span<const kvm_cpuid_entry2> supported);

}  // namespace gatecrash::vm
