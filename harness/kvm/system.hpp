#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kvm/shim.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::kvm {

class Vm;

/// The KVM_CAP_* numbers that this program asks about.
enum class Capability : std::uint32_t {
    readonly_memory = KVM_CAP_READONLY_MEM,
    sync_registers = KVM_CAP_SYNC_REGS,
    set_guest_debug = KVM_CAP_SET_GUEST_DEBUG,
    vcpu_events = KVM_CAP_VCPU_EVENTS,
    user_nmi = KVM_CAP_USER_NMI,
    machine_check = KVM_CAP_MCE,
    debug_registers = KVM_CAP_DEBUGREGS,
    immediate_exit = KVM_CAP_IMMEDIATE_EXIT,
    dirty_ring = KVM_CAP_DIRTY_LOG_RING,
    disable_quirks = KVM_CAP_DISABLE_QUIRKS2,
    binary_statistics = KVM_CAP_BINARY_STATS_FD,
};

/// How KVM reports the pages of a logged slot that the guest wrote.
enum class WrittenPages : std::uint8_t {
    ring,  ///< Vcpu::next_written(), in the order of the writes
    log    ///< Vm::written(), which never forgets a page: a page stays writable after its first write
};

/// /dev/kvm (api.rst, "System ioctls").
class System {
  public:
    /// Opens `path` and checks KVM's API version. Throws Error with the remedy.
    static System open(const std::string& path = "/dev/kvm");

    /// Asks KVM_CHECK_EXTENSION. Returns 0 if the capability is absent, else the value that its documentation
    /// describes.
    [[nodiscard]] int check(Capability capability) const;
    [[nodiscard]] bool has(Capability capability) const { return check(capability) > 0; }
    /// Makes check() report `capability` as absent from now on, so that tests can cover a KVM without it.
    void forgo(Capability capability) { forgone_.insert(capability); }
    /// Puts a shim between KVM and each vCPU that is created from now on, so that tests can cover other CPUs.
    void put_between(ShimFactory make_shim) { make_shim_ = std::move(make_shim); }
    /// Returns the CPUID leaves that this KVM and its CPU can give to a guest (KVM_GET_SUPPORTED_CPUID).
    [[nodiscard]] std::vector<kvm_cpuid_entry2> supported_cpuid() const;
    /// Returns the size of a vCPU's shared memory, in bytes (KVM_GET_VCPU_MMAP_SIZE).
    [[nodiscard]] std::size_t vcpu_mapping_size() const;
    /// Creates a virtual machine (KVM_CREATE_VM). With WrittenPages::ring, its vCPU has a dirty ring if KVM offers
    /// KVM_CAP_DIRTY_LOG_RING (Linux 5.11). The other vendor's hypercall instruction raises #UD, as on hardware, if KVM
    /// can leave the instruction alone (Linux 5.19). Older KVMs overwrite it with this vendor's.
    [[nodiscard]] Vm create_vm(WrittenPages written = WrittenPages::ring) const;

  private:
    explicit System(posix::FileDescriptor fd) : fd_(std::move(fd)) {}

    posix::FileDescriptor fd_;
    std::set<Capability> forgone_;
    ShimFactory make_shim_;
};

}  // namespace gatecrash::kvm
