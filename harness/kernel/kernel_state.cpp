#include "kernel/kernel_state.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "vm/page.hpp"

namespace gatecrash::kernel {
namespace {

constexpr std::array<std::uint32_t, 3> chips{KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_IRQCHIP_IOAPIC};

// Registers of a local APIC, in bytes from its beginning (SDM volume 3, 10.4.1).
constexpr std::size_t apic_isr = 0x100, apic_isr_end = 0x180, apic_irr = 0x200, apic_irr_end = 0x280,
                      apic_timer = 0x320, apic_initial_count = 0x380, apic_current_count = 0x390;
constexpr std::uint32_t masked = 1U << 16;

constexpr unsigned lines_of_pic = 8;

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
           equal(debug_registers, other.debug_registers) && msrs == other.msrs;
}

DeviceState read_devices(kvm::Vm& vm, kvm::Vcpu& cpu) {
    DeviceState state{cpu.local_apic(), cpu.fpu(), {}};
    std::ranges::transform(chips, state.interrupt_controllers.begin(),
                           [&](std::uint32_t chip) { return vm.interrupt_controller(chip); });
    return state;
}

void write_devices(kvm::Vm& vm, kvm::Vcpu& cpu, const DeviceState& state) {
    cpu.set_local_apic(state.local_apic);
    // KVM takes over what the slave asks for when it sets the master, so the slave comes first.
    for (auto i = state.interrupt_controllers.size(); i-- > 0;)
        vm.set_interrupt_controller(state.interrupt_controllers.at(i));
    cpu.set_fpu(state.fpu);
}

bool InterruptState::operator==(const InterruptState& other) const { return equal(*this, other); }

InterruptState interrupts_of(const DeviceState& devices, bool uses_8259) {
    if (!uses_8259) return {devices.local_apic, {}};
    const auto& controllers = devices.interrupt_controllers;
    return {devices.local_apic, {controllers[0].chip.pic, controllers[1].chip.pic}};
}

std::optional<unsigned> line_of(const InterruptState& interrupts, std::uint8_t vector) {
    for (std::size_t i = 0; i < interrupts.pics.size(); ++i) {
        const unsigned line = vector - unsigned{interrupts.pics.at(i).irq_base};
        if (line < lines_of_pic) return static_cast<unsigned>(i * lines_of_pic + line);
    }
    return std::nullopt;
}

bool is_unmasked(const InterruptState& interrupts, unsigned line) {
    constexpr unsigned slaves_line = 2;
    const auto& [master, slave] = interrupts.pics;
    if (line < lines_of_pic) return (master.imr >> line & 1) == 0;
    return (slave.imr >> (line - lines_of_pic) & 1) == 0 && (master.imr >> slaves_line & 1) == 0;
}

void silence_interrupts(DeviceState& state, Masks masks) {
    std::memset(state.local_apic.regs + apic_irr, 0, apic_irr_end - apic_irr);
    std::uint32_t timer = 0;
    std::memcpy(&timer, state.local_apic.regs + apic_timer, sizeof timer);
    put(state.local_apic, apic_timer, timer | masked);
    put(state.local_apic, apic_initial_count, 0);
    put(state.local_apic, apic_current_count, 0);
    for (auto& controller : state.interrupt_controllers) {
        if (controller.chip_id == KVM_IRQCHIP_IOAPIC) continue;
        if (masks == Masks::all) controller.chip.pic.imr = 0xff;
        controller.chip.pic.irr = 0;
    }
}

bool has_waiting(const InterruptState& interrupts, std::uint8_t vector) {
    if (const auto line = line_of(interrupts, vector)) {
        const auto& pic = interrupts.pics.at(*line / lines_of_pic);
        if ((pic.irr >> *line % lines_of_pic & 1) != 0) return true;
    }
    // 32 vectors in each 16 bytes (SDM volume 3, 10.8.4).
    const auto at = apic_irr + vector / 32 * 16 + vector % 32 / 8;
    const auto byte = static_cast<unsigned char>(interrupts.local_apic.regs[at]);
    return (byte >> vector % 8 & 1) != 0;
}

bool has_interrupt(const std::array<kvm_pic_state, 2>& pics) {
    return std::ranges::any_of(pics, [](const kvm_pic_state& pic) { return (pic.irr | pic.isr) != 0; });
}

bool has_interrupt(const kvm_lapic_state& local_apic) {
    const auto any = [&](std::size_t begin, std::size_t end) {
        return std::any_of(local_apic.regs + begin, local_apic.regs + end, [](char byte) { return byte != 0; });
    };
    return any(apic_isr, apic_isr_end) || any(apic_irr, apic_irr_end);
}

}  // namespace gatecrash::kernel
