#include "gatecrash/kvm/vm.hpp"

#include <linux/kvm.h>

#include "gatecrash/kvm/vcpu.hpp"
#include "ioctl.hpp"

namespace gatecrash::kvm {

void Vm::set_memory_slot(std::uint32_t slot, std::uint64_t address, std::span<std::byte> memory, Access access) {
    kvm_userspace_memory_region region{};
    region.slot = slot;
    region.flags = access == Access::read_only ? KVM_MEM_READONLY : 0;
    region.guest_phys_addr = address;
    region.memory_size = memory.size();
    region.userspace_addr = reinterpret_cast<std::uintptr_t>(memory.data());
    GATECRASH_IOCTL(fd_.get(), KVM_SET_USER_MEMORY_REGION, &region);
}

void Vm::set_tss_address(std::uint64_t address) { GATECRASH_IOCTL(fd_.get(), KVM_SET_TSS_ADDR, address); }

Vcpu Vm::create_vcpu() const {
    FileDescriptor fd(GATECRASH_IOCTL(fd_.get(), KVM_CREATE_VCPU, 0UL));
    auto run = Mapping::shared_file(fd.get(), vcpu_mapping_size_);
    return {std::move(fd), std::move(run), sync_registers_};
}

}  // namespace gatecrash::kvm
