#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "posix/file_descriptor.hpp"

namespace gatecrash::kvm {

class Vcpu;
class System;

enum class Access : std::uint8_t {
    read_write,
    logged,  ///< read and write; the vCPU's dirty ring tells of writes
    read_only,
};

/// One virtual machine (api.rst, "VM ioctls"). Only a System makes one.
class Vm {
  public:
    /// KVM_SET_USER_MEMORY_REGION: shows `memory` to the guest at guest-physical `address`. Both are page-aligned;
    /// `memory` outlives the Vm. A guest's write to a read-only slot exits as MmioExit. Empty `memory`
    /// removes the slot. Throws Error.
    void set_memory_slot(std::uint32_t slot, std::uint64_t address, std::span<std::byte> memory, Access access);
    /// KVM_SET_TSS_ADDR, which Intel hosts need: three pages at guest-physical `address` that the guest leaves alone.
    void set_tss_address(std::uint64_t address);
    /// KVM_CAP_EXCEPTION_PAYLOAD: an exception that is pending has yet to change CR2 or DR6.
    void enable_exception_payload();
    /// KVM_CREATE_VCPU, number 0.
    [[nodiscard]] Vcpu create_vcpu() const;

  private:
    friend class System;
    Vm(posix::FileDescriptor fd, std::size_t vcpu_mapping_size, bool sync_registers)
        : fd_(std::move(fd)), vcpu_mapping_size_(vcpu_mapping_size), sync_registers_(sync_registers) {}
    /// KVM_ENABLE_CAP.
    void enable(std::uint32_t capability, std::uint64_t argument);
    /// KVM_CAP_DIRTY_LOG_RING with a ring of `size` bytes; not with 0.
    void enable_dirty_ring(std::size_t size);
    /// KVM_CAP_DISABLE_QUIRKS2 with KVM_X86_QUIRK_* bits; not with 0.
    void disable_quirks(std::uint64_t quirks);

    posix::FileDescriptor fd_;
    std::size_t vcpu_mapping_size_;
    bool sync_registers_;
    std::size_t dirty_ring_size_ = 0;  ///< bytes
};

}  // namespace gatecrash::kvm
