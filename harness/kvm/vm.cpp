#include "kvm/vm.hpp"

#include <linux/kvm.h>

#include "kvm/ioctl.hpp"
#include "kvm/vcpu.hpp"

namespace gatecrash::kvm {
namespace {

constexpr std::size_t page_size = 4096;

}  // namespace

void Vm::set_memory_slot(std::uint32_t slot, std::uint64_t address, std::span<std::byte> memory, Access access) {
    kvm_userspace_memory_region region{};
    region.slot = slot;
    if (access == Access::read_only) region.flags = KVM_MEM_READONLY;
    if (access == Access::logged && (dirty_ring_size_ != 0 || has_dirty_log_)) region.flags = KVM_MEM_LOG_DIRTY_PAGES;
    region.guest_phys_addr = address;
    region.memory_size = memory.size();
    region.userspace_addr = reinterpret_cast<std::uintptr_t>(memory.data());
    GATECRASH_IOCTL(fd_.get(), KVM_SET_USER_MEMORY_REGION, &region);
}

void Vm::enable(std::uint32_t capability, std::uint64_t argument) {
    kvm_enable_cap request{};
    request.cap = capability;
    request.args[0] = argument;
    GATECRASH_IOCTL(fd_.get(), KVM_ENABLE_CAP, &request);
}

void Vm::enable_dirty_ring(std::size_t size) {
    if (size == 0) return;
    enable(KVM_CAP_DIRTY_LOG_RING, size);
    dirty_ring_size_ = size;
}

void Vm::enable_dirty_log() {
    enable(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
    has_dirty_log_ = true;
}

std::vector<std::uint64_t> Vm::written(std::uint32_t slot, std::size_t size) const {
    constexpr std::size_t bits = 64;
    std::vector<std::uint64_t> bitmap((size / page_size + bits - 1) / bits);
    kvm_dirty_log log{};
    log.slot = slot;
    log.dirty_bitmap = bitmap.data();
    GATECRASH_IOCTL(fd_.get(), KVM_GET_DIRTY_LOG, &log);
    return bitmap;
}

void Vm::forget_written(std::uint32_t slot, std::size_t size, std::span<std::uint64_t> pages) const {
    kvm_clear_dirty_log request{};
    request.slot = slot;
    request.num_pages = static_cast<std::uint32_t>(size / page_size);
    request.dirty_bitmap = pages.data();
    GATECRASH_IOCTL(fd_.get(), KVM_CLEAR_DIRTY_LOG, &request);
}

kvm_irqchip Vm::interrupt_controller(std::uint32_t chip) const {
    kvm_irqchip state{};
    state.chip_id = chip;
    GATECRASH_IOCTL(fd_.get(), KVM_GET_IRQCHIP, &state);
    return state;
}

void Vm::set_interrupt_controller(const kvm_irqchip& state) {
    auto copy = state;
    GATECRASH_IOCTL(fd_.get(), KVM_SET_IRQCHIP, &copy);
}

void Vm::disable_quirks(std::uint64_t quirks) {
    if (quirks != 0) enable(KVM_CAP_DISABLE_QUIRKS2, quirks);
}

void Vm::enable_exception_payload() { enable(KVM_CAP_EXCEPTION_PAYLOAD, 1); }

void Vm::set_tss_address(std::uint64_t address) { GATECRASH_IOCTL(fd_.get(), KVM_SET_TSS_ADDR, address); }

void Vm::create_interrupt_controllers() { GATECRASH_IOCTL(fd_.get(), KVM_CREATE_IRQCHIP, 0); }

void Vm::interrupt(std::uint8_t vector) {
    constexpr std::uint32_t first_apic = 0xfee00000;
    kvm_msi message{};
    message.address_lo = first_apic;
    message.data = vector;
    GATECRASH_IOCTL(fd_.get(), KVM_SIGNAL_MSI, &message);
}

void Vm::create_timer() {
    kvm_pit_config config{};
    GATECRASH_IOCTL(fd_.get(), KVM_CREATE_PIT2, &config);
    kvm_pit_state2 state{};
    GATECRASH_IOCTL(fd_.get(), KVM_GET_PIT2, &state);
    // Linux waits for ever for a channel without a count.
    state.channels[0].count = 0x10000;
    state.channels[0].mode = 2;
    state.channels[0].gate = 1;
    GATECRASH_IOCTL(fd_.get(), KVM_SET_PIT2, &state);
    kvm_reinject_control control{};
    GATECRASH_IOCTL(fd_.get(), KVM_REINJECT_CONTROL, &control);
}

void Vm::stop_timer() {
    kvm_pit_state2 state{};
    GATECRASH_IOCTL(fd_.get(), KVM_GET_PIT2, &state);
    state.flags |= KVM_PIT_FLAGS_HPET_LEGACY;
    GATECRASH_IOCTL(fd_.get(), KVM_SET_PIT2, &state);
}

Vcpu Vm::create_vcpu() const {
    posix::FileDescriptor fd(GATECRASH_IOCTL(fd_.get(), KVM_CREATE_VCPU, 0UL));
    auto run = Mapping::shared_file(fd.get(), vcpu_mapping_size_);
    Mapping ring;
    if (dirty_ring_size_ != 0) {
        constexpr std::size_t offset = KVM_DIRTY_LOG_PAGE_OFFSET * 4096;
        ring = Mapping::shared_file(fd.get(), dirty_ring_size_, offset);
    }
    return {std::move(fd),  make_shim_ ? make_shim_() : nullptr, std::move(run), sync_registers_, fd_.get(),
            std::move(ring)};
}

}  // namespace gatecrash::kvm
