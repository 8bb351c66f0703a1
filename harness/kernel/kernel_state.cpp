#include "kernel/kernel_state.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "vm/quirks/tss_type.hpp"

namespace gatecrash::kernel {
namespace {

constexpr std::array<std::uint32_t, 3> chips{KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_IRQCHIP_IOAPIC};

// Registers of a local APIC, in bytes from its beginning (SDM volume 3, 10.4.1).
constexpr std::size_t apic_irr = 0x200, apic_irr_end = 0x280, apic_timer = 0x320, apic_initial_count = 0x380,
                      apic_current_count = 0x390;
constexpr std::uint32_t masked = 1U << 16;

template <typename Value>
bool equal(const Value& a, const Value& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

void put(kvm_lapic_state& apic, std::size_t at, std::uint32_t value) {
    std::memcpy(apic.regs + at, &value, sizeof value);
}

}  // namespace

bool CpuState::same_as(const CpuState& other) const {
    return equal(regs, other.regs) && equal(sregs, other.sregs) && equal(events, other.events) &&
           equal(debug_registers, other.debug_registers) && equal(local_apic, other.local_apic) &&
           equal(fpu.xmm, other.fpu.xmm) && equal(fpu.fpr, other.fpu.fpr) && fpu.mxcsr == other.fpu.mxcsr &&
           msrs == other.msrs;
}

CpuState read_cpu(kvm::Vm& vm, kvm::Vcpu& cpu) {
    CpuState state;
    state.regs = cpu.regs();
    state.sregs = cpu.sregs();
    state.events = cpu.events();
    state.debug_registers = cpu.debug_registers();
    state.local_apic = cpu.local_apic();
    state.fpu = cpu.fpu();
    vm::read_msrs(cpu, state.msrs);
    std::ranges::transform(chips, state.interrupt_controllers.begin(),
                           [&](std::uint32_t chip) { return vm.interrupt_controller(chip); });
    return state;
}

void write_cpu(kvm::Vm& vm, kvm::Vcpu& cpu, const CpuState& state) {
    auto sregs = state.sregs;
    sregs.tr.type = vm::quirks::tss_type(vm::cpu_vendor());
    cpu.set_sregs(sregs);
    vm::write_msrs(cpu, state.msrs);
    cpu.set_local_apic(state.local_apic);
    for (const auto& chip : state.interrupt_controllers) vm.set_interrupt_controller(chip);
    cpu.set_fpu(state.fpu);
    cpu.set_debug_registers(state.debug_registers);
    cpu.set_regs(state.regs);
    cpu.set_events(state.events);
}

void silence_interrupts(CpuState& state) {
    std::memset(state.local_apic.regs + apic_irr, 0, apic_irr_end - apic_irr);
    std::uint32_t timer = 0;
    std::memcpy(&timer, state.local_apic.regs + apic_timer, sizeof timer);
    put(state.local_apic, apic_timer, timer | masked);
    put(state.local_apic, apic_initial_count, 0);
    put(state.local_apic, apic_current_count, 0);
    for (auto& controller : state.interrupt_controllers) {
        if (controller.chip_id == KVM_IRQCHIP_IOAPIC) continue;
        controller.chip.pic.imr = 0xff;
        controller.chip.pic.irr = 0;
    }
}

MemoryStates::MemoryStates(const kvm::Vm& vm, std::uint32_t slot, std::span<std::byte> memory)
    : vm_(vm), slot_(slot), memory_(memory), first_(memory.begin(), memory.end()) {
    find_hot_pages();
}

void MemoryStates::find_hot_pages() {
    const auto bitmap = vm_.written(slot_, memory_.size());
    known_.resize(bitmap.size());
    const auto before = hot_.size();
    for (std::size_t word = 0; word < bitmap.size(); ++word) {
        for (auto fresh = bitmap[word] & ~known_[word]; fresh != 0; fresh &= fresh - 1)
            hot_.push_back(word * 64 + static_cast<std::uint64_t>(std::countr_zero(fresh)));
    }
    known_ = bitmap;
    std::inplace_merge(hot_.begin(), hot_.begin() + static_cast<std::ptrdiff_t>(before), hot_.end());
}

MemoryStates::Pages MemoryStates::save() {
    find_hot_pages();
    Pages pages;
    for (const auto page : hot_) {
        if (std::memcmp(now(page), first(page), page_size) == 0) continue;
        const auto copy = std::make_shared<Page>();
        std::memcpy(copy->data(), now(page), page_size);
        pages.emplace(page, copy);
    }
    return pages;
}

void MemoryStates::restore(const Pages& pages) {
    find_hot_pages();
    for (const auto page : hot_) {
        const auto found = pages.find(page);
        const auto* const wanted = found == pages.end() ? first(page) : found->second->data();
        if (std::memcmp(now(page), wanted, page_size) != 0) std::memcpy(now(page), wanted, page_size);
    }
}

}  // namespace gatecrash::kernel
