// The state of a kernel's virtual machine at one moment.
#pragma once

#include <linux/kvm.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gatecrash/address.hpp"
#include "kernel/serial_port.hpp"
#include "kvm/vcpu.hpp"
#include "kvm/vm.hpp"
#include "vm/memory.hpp"
#include "vm/state/msrs.hpp"

namespace gatecrash::kernel {

/// The registers that entry code can change.
struct CpuState {
    kvm_regs regs{};
    kvm_sregs sregs{};
    kvm_vcpu_events events{};
    kvm_debugregs debug_registers{};
    vm::Msrs msrs;

    /// True if a program cannot tell the two apart. Padding does not count.
    [[nodiscard]] bool same_as(const CpuState& other) const;
};

/// The parts of a CPU and a PC that entry code hardly ever changes.
struct DeviceState {
    kvm_lapic_state local_apic{};
    kvm_fpu fpu{};
    std::array<kvm_irqchip, 3> interrupt_controllers{};
};

/// The controllers through which interrupts arrive at a CPU. If the 8259 raise none, their state does not matter: the
/// timer goes on to change it. Then they are left at zero.
struct InterruptState {
    kvm_lapic_state local_apic{};
    std::array<kvm_pic_state, 2> pics{};  ///< the two 8259, the master first

    [[nodiscard]] bool operator==(const InterruptState& other) const;
};
[[nodiscard]] InterruptState interrupts_of(const DeviceState& devices, bool uses_8259);

/// Returns the line of an 8259 that raises `vector`: 0 to 7 are the master's, 8 to 15 the slave's. Empty if none does.
[[nodiscard]] std::optional<unsigned> line_of(const InterruptState& interrupts, std::uint8_t vector);
/// True if the 8259 let an interrupt of this line through.
[[nodiscard]] bool is_unmasked(const InterruptState& interrupts, unsigned line);

/// The serial port of an image, and what the image has sent through it.
struct Console {
    SerialPort serial;
    std::string output;

    bool operator==(const Console&) const = default;
};

/// A moment of a KernelGuest.
struct KernelState {
    CpuState cpu;
    std::shared_ptr<const DeviceState> devices;
    vm::PageSet pages;  ///< pages that differ from the first state of MemoryStates
    std::optional<Console> console{};
};

[[nodiscard]] DeviceState read_devices(kvm::Vm& vm, kvm::Vcpu& cpu);
void write_devices(kvm::Vm& vm, kvm::Vcpu& cpu, const DeviceState& state);

/// Says which masks of the 8259 silence_interrupts() sets. They can stay as they are if the timer is stopped.
enum class Masks : std::uint8_t { all, as_they_are };
/// Turns off everything that could interrupt the guest: masks the local APIC's timer and both 8259, and drops
/// interrupts that wait. A guest whose clock stands still then runs the same way each time.
void silence_interrupts(DeviceState& state, Masks masks = Masks::all);
/// True if this interrupt waits, so that another one of its vector would be lost.
[[nodiscard]] bool has_waiting(const InterruptState& interrupts, std::uint8_t vector);
/// True if an interrupt waits, or if the handler of one has not acknowledged it.
[[nodiscard]] bool has_interrupt(const kvm_lapic_state& local_apic);
[[nodiscard]] bool has_interrupt(const std::array<kvm_pic_state, 2>& pics);
[[nodiscard]] inline bool has_interrupt(const InterruptState& interrupts) {
    return has_interrupt(interrupts.local_apic) || has_interrupt(interrupts.pics);
}

}  // namespace gatecrash::kernel
