// A kernel that has booted, in a file. Any number of processes can go on from there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/boot_image.hpp"
#include "kernel/boot_memory.hpp"
#include "kernel/kallsyms.hpp"
#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_state.hpp"
#include "kvm/system.hpp"

namespace gatecrash::kernel {

/// One of the workloads of an init program, as the program describes it. See gatecrash/workload.h.
struct WorkloadInfo {
    std::string name, what;

    bool operator==(const WorkloadInfo&) const = default;
};

/// The part of a saved kernel that is quick to read.
struct SavedKernelHead {
    std::string version;  ///< the first word of the kernel's release string; may be empty
    std::vector<WorkloadInfo> workloads;
    KernelFacts facts;
};

/// A kernel whose init program asks for its first workload.
struct SavedKernel {
    SavedKernelHead head;
    std::vector<KernelSymbol> symbols;
    std::vector<kvm_cpuid_entry2> cpuid;  ///< the CPU that the kernel has found
    CpuState cpu;
    DeviceState devices;  ///< nothing can interrupt the kernel
    std::vector<std::byte> memory;
};

/// Boots a kernel until its init program asks for a workload. `facts` and `symbols` are the kernel's. Throws ImageError
/// if something does not fit; BootError if the kernel gives up, or does not get there within `seconds` of host time;
/// and kvm::Error.
[[nodiscard]] SavedKernel boot(const kvm::System& system, const BootImage& image, std::vector<KernelSymbol> symbols,
                               const KernelFacts& facts, const BootInput& input, std::uint64_t memory_size,
                               unsigned seconds);

/// Returns the content of a file with that kernel: a readable part with its workloads, then everything else,
/// compressed (zstd).
[[nodiscard]] std::string to_file(const SavedKernel& kernel);
/// Reads what to_file() returns. Throws ImageError if `file` is truncated, damaged, or of another version of this
/// program.
[[nodiscard]] SavedKernel read_saved_kernel(std::string_view file);
/// Reads only the first part of such a file. Throws as above.
[[nodiscard]] SavedKernelHead read_head(std::string_view file);

}  // namespace gatecrash::kernel
