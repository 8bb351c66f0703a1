// The CPU that a kernel finds.
#pragma once

#include <linux/kvm.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatecrash::kernel {

struct CpuChange;

/// A way in which the CPU of a kernel differs from the host's.
struct CpuChoice {
    std::string_view name, why;
    std::span<const CpuChange> changes;
};
[[nodiscard]] std::span<const CpuChoice> cpu_choices();

/// Reads names of choices, comma-separated. Throws std::invalid_argument for two vendors, and for an unknown name. Then
/// the message lists the choices.
[[nodiscard]] std::vector<const CpuChoice*> parse_cpu(std::string_view list);

/// Removes features from `supported`, the list of KVM_GET_SUPPORTED_CPUID. The TSC, random numbers and KVM's interface
/// to its guests make two runs of one kernel differ. XSAVE and the features that need it have state that would have to
/// be saved. FSRM without ERMS makes Linux hang. Then makes the changes of `cpu`, which parse_cpu() reads.
[[nodiscard]] std::vector<kvm_cpuid_entry2> kernel_cpuid(std::vector<kvm_cpuid_entry2> supported,
                                                         std::string_view cpu = {});

}  // namespace gatecrash::kernel
