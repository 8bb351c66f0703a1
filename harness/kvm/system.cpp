#include "kvm/system.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstddef>
#include <span>

#include "kvm/counted_list.hpp"
#include "kvm/ioctl.hpp"
#include "kvm/vm.hpp"

namespace gatecrash::kvm {

System System::open(const std::string& path) {
    posix::FileDescriptor fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (fd.get() < 0) throw Error("open " + path, errno);
    if (GATECRASH_IOCTL(fd.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        throw Error("KVM_GET_API_VERSION", EPROTO);
    return System(std::move(fd));
}

int System::check(Capability capability) const {
    if (forgone_.contains(capability)) return 0;
    return GATECRASH_IOCTL(fd_.get(), KVM_CHECK_EXTENSION, static_cast<unsigned long>(capability));
}

std::vector<kvm_cpuid_entry2> System::supported_cpuid() const {
    constexpr std::size_t most = 256;  // KVM_MAX_CPUID_ENTRIES
    const std::vector<kvm_cpuid_entry2> room(most);
    CountedList list{std::span<const kvm_cpuid_entry2>(room)};
    checked_ioctl(fd_.get(), get_supported_cpuid_request, list.data(), "KVM_GET_SUPPORTED_CPUID");
    const auto entries = list.entries();
    return {entries.begin(), entries.end()};
}

std::size_t System::vcpu_mapping_size() const {
    return static_cast<std::size_t>(GATECRASH_IOCTL(fd_.get(), KVM_GET_VCPU_MMAP_SIZE, 0));
}

Vm System::create_vm(WrittenPages written) const {
    constexpr int needed = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
    const bool sync = (check(Capability::sync_registers) & needed) == needed;
    Vm vm(posix::FileDescriptor(GATECRASH_IOCTL(fd_.get(), KVM_CREATE_VM, 0)), vcpu_mapping_size(), sync, make_shim_);
    if (written == WrittenPages::ring) {
        vm.enable_dirty_ring(std::min<std::size_t>(static_cast<std::size_t>(check(Capability::dirty_ring)), 1U << 20));
    } else {
        vm.enable_dirty_log();
    }
    vm.disable_quirks(static_cast<std::uint64_t>(check(Capability::disable_quirks)) & KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
    return vm;
}

}  // namespace gatecrash::kvm
