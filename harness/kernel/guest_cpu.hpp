// The CPU that a kernel finds.
#pragma once

#include <linux/kvm.h>

#include <vector>

namespace gatecrash::kernel {

/// Removes features from `supported`, the list of KVM_GET_SUPPORTED_CPUID. The TSC, random numbers and KVM's interface
/// to its guests make two runs of one kernel differ. XSAVE and the features that need it have state that would have to
/// be saved.
[[nodiscard]] std::vector<kvm_cpuid_entry2> kernel_cpuid(std::vector<kvm_cpuid_entry2> supported);

}  // namespace gatecrash::kernel
