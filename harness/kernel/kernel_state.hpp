// The state of a kernel's virtual machine at one moment.
#pragma once

#include <linux/kvm.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "gatecrash/address.hpp"
#include "kvm/vcpu.hpp"
#include "kvm/vm.hpp"
#include "vm/state/msrs.hpp"

namespace gatecrash::kernel {

/// The registers of a vCPU and of the controllers that can interrupt it.
struct CpuState {
    kvm_regs regs{};
    kvm_sregs sregs{};
    kvm_vcpu_events events{};
    kvm_debugregs debug_registers{};
    kvm_lapic_state local_apic{};
    kvm_fpu fpu{};
    vm::Msrs msrs;
    std::array<kvm_irqchip, 3> interrupt_controllers{};

    /// True if a program cannot tell the two apart. Padding and times do not count.
    [[nodiscard]] bool same_as(const CpuState& other) const;
};

[[nodiscard]] CpuState read_cpu(kvm::Vm& vm, kvm::Vcpu& cpu);
void write_cpu(kvm::Vm& vm, kvm::Vcpu& cpu, const CpuState& state);

/// Turns off everything that could interrupt the guest: masks the local APIC's timer and both 8259, and drops
/// interrupts that wait. A guest whose clock stands still then runs the same way each time.
void silence_interrupts(CpuState& state);

/// Keeps states of a guest's memory. A state has copies of the pages that differ from the first one.
class MemoryStates {
  public:
    static constexpr std::size_t page_size = 4096;
    using Page = std::array<std::byte, page_size>;
    /// Pages that differ from the first state, by guest-physical page number.
    using Pages = std::map<std::uint64_t, std::shared_ptr<const Page>>;

    /// The memory as it is now becomes the first state. `slot` is the logged slot of `memory`, which begins at
    /// guest-physical 0.
    MemoryStates(const kvm::Vm& vm, std::uint32_t slot, std::span<std::byte> memory);

    /// Returns the memory as it is now.
    [[nodiscard]] Pages save();
    /// Makes the memory what it was at save(). Writes only bytes that differ: a host's write to a page of code makes an
    /// emulator translate the code again.
    void restore(const Pages& pages);

  private:
    /// Adds the pages that the guest has written since the last call to `hot_`.
    void find_hot_pages();
    [[nodiscard]] std::byte* now(std::uint64_t page) const { return memory_.data() + page * page_size; }
    [[nodiscard]] const std::byte* first(std::uint64_t page) const { return first_.data() + page * page_size; }

    const kvm::Vm& vm_;
    std::uint32_t slot_;
    std::span<std::byte> memory_;
    std::vector<std::byte> first_;
    std::vector<std::uint64_t> known_;  ///< the last bitmap
    std::vector<std::uint64_t> hot_;    ///< pages that can differ from the first state, in order
};

}  // namespace gatecrash::kernel
