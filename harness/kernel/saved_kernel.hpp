// A kernel that has booted, in a file. Any number of processes can go on from there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel/boot_image.hpp"
#include "kernel/boot_memory.hpp"
#include "kernel/kallsyms.hpp"
#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_state.hpp"
#include "kvm/mapping.hpp"
#include "kvm/system.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::kernel {

/// One of the workloads of an init program, as the program describes it. See gatecrash/workload.h.
struct WorkloadInfo {
    std::string name, what;

    bool operator==(const WorkloadInfo&) const = default;
};

/// The part of a saved kernel that people can read.
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
    std::span<const std::byte> memory{};
    std::shared_ptr<const void> owner{};  ///< keeps the memory. Two copies would not fit into an emulated machine
};

/// Boots a kernel until its init program asks for a workload. `facts` and `symbols` are the kernel's. Throws ImageError
/// if something does not fit; BootError if the kernel gives up, or does not get there within `seconds` of host time;
/// and kvm::Error.
[[nodiscard]] SavedKernel boot(const kvm::System& system, const BootImage& image, std::vector<KernelSymbol> symbols,
                               const KernelFacts& facts, const BootInput& input, std::uint64_t memory_size,
                               unsigned seconds);

/// Writes the kernel to a new file. Its memory is at the end of the file, as it is, with holes for pages of zeros.
/// Throws std::system_error.
void write_kernel(const SavedKernel& kernel, const std::filesystem::path& file);

/// A file of write_kernel(). Reads what is asked for, and maps the memory, so that opening it takes no time.
class KernelFile {
  public:
    /// Throws ImageError if there is no such file, or if it is truncated, damaged, or of another version of this
    /// program. Does not look at the memory.
    explicit KernelFile(const std::filesystem::path& file);

    [[nodiscard]] const SavedKernelHead& head() const { return head_; }
    [[nodiscard]] const std::vector<kvm_cpuid_entry2>& cpuid() const { return cpuid_; }
    [[nodiscard]] const CpuState& cpu() const { return cpu_; }
    [[nodiscard]] const DeviceState& devices() const { return devices_; }
    /// Reads the symbols. Throws ImageError.
    [[nodiscard]] std::vector<KernelSymbol> symbols() const;
    /// Maps the memory, writable. Writes stay in this mapping. Throws kvm::Error.
    [[nodiscard]] kvm::Mapping map_memory() const;
    /// Maps it in the same way, to be compared with the memory at `other`.
    [[nodiscard]] kvm::Mapping map_memory_apart_from(const std::byte* other) const;

  private:
    posix::FileDescriptor file_;
    SavedKernelHead head_;
    std::vector<kvm_cpuid_entry2> cpuid_;
    CpuState cpu_;
    DeviceState devices_;
    std::string symbols_;  ///< the bytes that the file has for them
    std::uint64_t memory_at_ = 0, memory_size_ = 0;
};

}  // namespace gatecrash::kernel
