#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kvm/shim.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::kvm {

class Vcpu;
class System;

enum class Access : std::uint8_t {
    read_write,
    logged,  ///< read and write; the vCPU's dirty ring or written() reports the writes
    read_only,
};

/// One virtual machine (api.rst, "VM ioctls"). Only a System makes one.
class Vm {
  public:
    /// Shows `memory` to the guest at guest-physical `address` (KVM_SET_USER_MEMORY_REGION). Both are page-aligned, and
    /// `memory` must outlive the Vm. A guest's write to a read-only slot exits as MmioExit. Empty `memory` removes the
    /// slot. Throws Error.
    void set_memory_slot(std::uint32_t slot, std::uint64_t address, std::span<std::byte> memory, Access access);
    /// Returns a bitmap of the pages that the guest has written, or has been able to write, since a logged slot was set
    /// (KVM_GET_DIRTY_LOG). `size` is that of the slot, in bytes. Needs a Vm with WrittenPages::log.
    [[nodiscard]] std::vector<std::uint64_t> written(std::uint32_t slot, std::size_t size) const;
    /// Makes written() leave out these pages until the guest writes them again (KVM_CLEAR_DIRTY_LOG). `pages` is a
    /// bitmap as written() returns it. The next write of each costs a fault.
    void forget_written(std::uint32_t slot, std::size_t size, std::span<std::uint64_t> pages) const;
    /// Reserves three pages at guest-physical `address`, which the guest must not use (KVM_SET_TSS_ADDR). Intel hosts
    /// need them.
    void set_tss_address(std::uint64_t address);
    /// Makes a pending exception change CR2 or DR6 only when it is delivered (KVM_CAP_EXCEPTION_PAYLOAD).
    void enable_exception_payload();
    /// Creates the interrupt controllers of a PC inside KVM (KVM_CREATE_IRQCHIP). These are two 8259 and an I/O APIC.
    /// Each vCPU that is created later has a local APIC.
    void create_interrupt_controllers();
    /// Return and set the state of one controller: KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE or KVM_IRQCHIP_IOAPIC.
    [[nodiscard]] kvm_irqchip interrupt_controller(std::uint32_t chip) const;
    void set_interrupt_controller(const kvm_irqchip& state);
    /// Makes a fixed interrupt arrive at the local APIC of vCPU 0, as a message does (KVM_SIGNAL_MSI).
    void interrupt(std::uint8_t vector);
    /// Creates a PC's timer inside KVM (KVM_CREATE_PIT2), without the speaker port: KVM would toggle a bit there with
    /// the host's clock. Needs the interrupt controllers. Channel 0 runs as a BIOS leaves it, in mode 2. Ticks that
    /// find the last one unacknowledged are dropped (KVM_REINJECT_CONTROL).
    void create_timer();
    /// Stops that timer, whatever the guest does with it later (KVM_PIT_FLAGS_HPET_LEGACY).
    void stop_timer();
    /// Creates vCPU 0 (KVM_CREATE_VCPU).
    [[nodiscard]] Vcpu create_vcpu() const;

  private:
    friend class System;
    Vm(posix::FileDescriptor fd, std::size_t vcpu_mapping_size, bool sync_registers, ShimFactory make_shim)
        : fd_(std::move(fd)),
          vcpu_mapping_size_(vcpu_mapping_size),
          sync_registers_(sync_registers),
          make_shim_(std::move(make_shim)) {}
    /// Calls KVM_ENABLE_CAP.
    void enable(std::uint32_t capability, std::uint64_t argument);
    /// Gives the vCPU a dirty ring of `size` bytes (KVM_CAP_DIRTY_LOG_RING). Does nothing if `size` is 0.
    void enable_dirty_ring(std::size_t size);
    /// Makes slots with Access::logged keep a dirty log that no call clears (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2).
    void enable_dirty_log();
    /// Disables KVM_X86_QUIRK_* bits (KVM_CAP_DISABLE_QUIRKS2). Does nothing if `quirks` is 0.
    void disable_quirks(std::uint64_t quirks);

    posix::FileDescriptor fd_;
    std::size_t vcpu_mapping_size_;
    bool sync_registers_;
    ShimFactory make_shim_;
    std::size_t dirty_ring_size_ = 0;  ///< bytes; 0 without a ring
    bool has_dirty_log_ = false;
};

}  // namespace gatecrash::kvm
